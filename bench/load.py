"""What many programs at once meet: 64 clients of the endpoints that ask without a pause, for five minutes.

    python -m bench.load [--weights DIR] [--clients 64] [--seconds 300] [--crowd 512]

They mix all calls of all models at one `app.py`. Each call was asked alone before, and has to be answered
alike beside the others: a seed keeps its digits. Then a crowd calls at once, more than may wait, and then
clients hang up; after each a single call is timed. All traffic stays on this machine. Prints a table, and
one JSON line at the end. (The page asks nothing of a server: its visitors' browsers compute.
`bench.load_files` is about them.)
"""

import argparse
import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx2

from bench.clients import Lost, Refused, Request, ask, client, hang_up, requests
from bench.machine import machine, resident_mb
from bench.page_server import ROOT, app, cpu_seconds, percentile, process_of

PATIENCE_S = 0.5  # of a client that was told to try again
MEMORY_STEPS = 10


class Tally:
    """What came back."""

    def __init__(self) -> None:
        self.seconds: list[float] = []  # of each answer
        self.counts = Counter(answers=0, refused=0, wrong=0, lost=0)
        self.sentences: Counter[str] = Counter()  # of refusals, and what was lost

    async def time(self, call: Awaitable[Any], wanted: Any = None) -> bool:
        """Await an answer, and compare it with the one that is wanted, if any. Returns whether it came."""
        start = time.monotonic()
        try:
            answer = await call
        except Refused as refusal:
            self.counts["refused"] += 1
            self.sentences[str(refusal)] += 1
            return False
        except Lost as loss:
            self.counts["lost"] += 1
            self.sentences[str(loss)[:200]] += 1
            return False
        self.seconds.append(time.monotonic() - start)
        self.counts["answers" if wanted in (None, answer) else "wrong"] += 1
        return True

    def summary(self, seconds: float) -> dict[str, Any]:
        """Counts, answers a second, and times."""
        times = sorted(self.seconds)
        parts = {"median_ms": 0.5, "p95_ms": 0.95, "slowest_ms": 1.0} if times else {}
        return {
            **self.counts,
            "per_second": round(len(times) / seconds, 1),
            **{name: round(1000 * percentile(times, part)) for name, part in parts.items()},
            "sentences": dict(self.sentences),
        }


async def repeat(
    client_of: Callable[[int], Awaitable[None]], clients: int, seconds: float
) -> float:
    """Let each client work again and again until the time is over. Returns the seconds that it took."""
    start = time.monotonic()

    async def work(index: int) -> None:
        while time.monotonic() < start + seconds:
            await client_of(index)

    await asyncio.gather(*map(work, range(clients)))
    return time.monotonic() - start


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the clients, print a table, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=ROOT / "weights", help="of the models")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--crowd", type=int, default=512, help="calls at once, past what may wait")
    flags = parser.parse_args(arguments)
    with app(flags.weights) as url:
        known = requests(flags.weights)
        result = asyncio.run(load(url, known, flags.clients, flags.seconds, flags.crowd))
    show(result)


def show(result: dict[str, Any]) -> None:
    """Print a table, and one JSON line with the machine."""
    for name, value in result.items():
        print(f"{name:28}{value}")
    print(json.dumps({**result, **machine()}))


async def load(
    url: str, known: list[Request], clients: int, seconds: float, crowd: int
) -> dict[str, Any]:
    """Mix all calls; then a crowd, and clients that hang up."""
    https = [client(url) for _ in range(clients)]
    wanted = {id(request): await ask(https[0], request) for request in known}
    chances = [random.Random(index) for index in range(clients)]
    process = process_of(url)
    tally, memory, busy = Tally(), [resident_mb(process)], cpu_seconds(process)

    async def call(index: int) -> None:
        request = chances[index].choice(known)
        if not await tally.time(ask(https[index], request), wanted[id(request)]):
            await asyncio.sleep(PATIENCE_S)

    async def watch() -> None:
        for _ in range(MEMORY_STEPS):
            await asyncio.sleep(seconds / MEMORY_STEPS)
            memory.append(resident_mb(process))

    took, _ = await asyncio.gather(repeat(call, clients, seconds), watch())
    result = {"clients": clients, "seconds": round(took), **tally.summary(took)}
    result |= {"memory_mb": memory, "cpu_seconds": round(cpu_seconds(process) - busy)}
    result["alone_ms"] = await _alone(https[0], known)
    print(json.dumps(result), flush=True)  # a crowd takes its time
    if crowd:
        result["crowd"] = await _crowd(url, known, crowd, wanted)
        result["alone_after_crowd_ms"] = await _alone(https[0], known)
        await _hang_up(url, known, clients)
        result["alone_after_hanging_up_ms"] = await _alone(https[0], known)
        result["memory_mb_at_the_end"] = resident_mb(process)
    for http in https:
        await http.aclose()
    return result


async def _alone(http: httpx2.AsyncClient, known: list[Request]) -> int:
    """Milliseconds of a call that is refused nothing."""
    start = time.monotonic()
    await ask(http, known[0])
    return round(1000 * (time.monotonic() - start))


async def _crowd(
    url: str, known: list[Request], count: int, wanted: dict[int, Any]
) -> dict[str, Any]:
    """So many calls at the same moment, each by a client of its own."""
    tally, start = Tally(), time.monotonic()

    async def call(index: int) -> None:
        request = known[index % len(known)]
        async with client(url) as http:
            await tally.time(ask(http, request), wanted[id(request)])

    await asyncio.gather(*map(call, range(count)))
    return {"calls": count, **tally.summary(time.monotonic() - start)}


async def _hang_up(url: str, known: list[Request], count: int) -> None:
    """Clients that ask, and leave before the answer."""

    async def call(index: int) -> None:
        async with client(url) as http:
            await hang_up(http, known[index % len(known)])

    await asyncio.gather(*map(call, range(count)))


if __name__ == "__main__":
    main()
