"""What many programs at once meet: 32 clients of the endpoints that ask without a pause, for a minute.

    python -m bench.page_load [--weights DIR] [--clients 32] [--seconds 60]

A refusal that says "busy" is counted apart; anything else but an answer is a failure. Prints a table, and one
JSON line at the end. (The page asks nothing of a server: its visitors' browsers compute.)
"""

import argparse
import asyncio
import json
import random
import time
from pathlib import Path
from typing import Any

import httpx

from bench.page_server import app, percentile, resident_mb

SIZE = 28
REQUESTS: tuple[tuple[str, dict[str, int]], ...] = (
    ("complete", {"rows": 14, "count": 8}),
    ("complete", {"rows": 14, "count": 8}),
    ("posterior", {"rows": 14}),
    ("sample", {"count": 4}),
    ("trace", {}),
)
PARAMETERS = {
    "complete": ("levels", "rows", "count", "label", "temperature", "seed", "model", "distinct"),
    "posterior": ("levels", "rows", "model"),
    "sample": ("count", "label", "temperature", "seed", "model"),
    "trace": ("levels", "rows", "label", "model"),
}
DEFAULTS = {"temperature": 1.0, "rows": 0, "distinct": False}


def main() -> None:
    """Run the clients, print a table, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, help="folder of model folders; ours if not given")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    flags = parser.parse_args()
    with app(flags.weights) as url:
        started = resident_mb(url)
        times, counts, halfway = asyncio.run(_run(url, flags.clients, flags.seconds))
        after = resident_mb(url)
    times.sort()
    result = {
        "clients": flags.clients,
        "seconds": flags.seconds,
        **counts,
        "median_ms": round(1000 * percentile(times, 0.5)),
        "p95_ms": round(1000 * percentile(times, 0.95)),
        # The first calls take memory that stays; growth is what the second half still adds.
        "memory_mb_started": started,
        "memory_mb_halfway": halfway,
        "memory_mb_after": after,
    }
    for name, value in result.items():
        print(f"{name:20}{value:>10}")
    print(json.dumps(result))


async def _run(url: str, clients: int, seconds: float) -> tuple[list[float], dict[str, int], float]:
    """Returns the times of the answers, what was counted, and the server's memory halfway."""
    times: list[float] = []
    counts = {"answers": 0, "busy": 0, "failures": 0}
    end = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=2 * clients)
    async with httpx.AsyncClient(base_url=f"{url}/gradio_api", timeout=120, limits=limits) as http:
        workers = (_client(http, k, end, times, counts) for k in range(clients))
        running = asyncio.gather(*workers)
        await asyncio.sleep(seconds / 2)
        halfway = resident_mb(url)
        await running
    return times, counts, halfway


async def _client(
    http: httpx.AsyncClient,
    index: int,
    end: float,
    times: list[float],
    counts: dict[str, int],
) -> None:
    """Ask until the time is over, one request after the other."""
    chance = random.Random(index)
    while time.monotonic() < end:
        name, settings = chance.choice(REQUESTS)
        request: dict[str, Any] = dict(settings)
        if "levels" in PARAMETERS[name]:
            request["levels"] = _drawing(chance)
        start = time.monotonic()
        try:
            answer = await _queued(http, name, request)
        except (httpx.HTTPError, ValueError) as error:
            answer = f"failed: {error!r}"
        if isinstance(answer, dict) and "error" not in answer:
            times.append(time.monotonic() - start)
            counts["answers"] += 1
        elif "busy" in str(answer):
            counts["busy"] += 1
            await asyncio.sleep(0.5)
        else:
            counts["failures"] += 1
            print(f"{name}: {answer}"[:300])


def _drawing(chance: random.Random) -> list[list[int]]:
    """An upright bar somewhere."""
    column = chance.randrange(8, 20)
    return [[int(i >= 4 and abs(j - column) < 2) for j in range(SIZE)] for i in range(SIZE)]


async def _queued(http: httpx.AsyncClient, name: str, request: Any) -> Any:
    data = [request.get(key, DEFAULTS.get(key)) for key in PARAMETERS[name]]
    call = (await http.post(f"/call/{name}", json={"data": data})).raise_for_status().json()
    stream = await http.get(f"/call/{name}/{call['event_id']}")
    event, payload = stream.text.strip().split("\n\n")[-1].split("\n")
    value = json.loads(payload.removeprefix("data: "))
    return value[0] if event == "event: complete" else f"{event} {value}"


if __name__ == "__main__":
    main()
