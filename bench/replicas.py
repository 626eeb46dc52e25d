"""Two replicas of `app.py` behind a real nginx: one that is killed loses no more than the calls that it ran.

    python -m bench.replicas [--weights DIR] [--clients 16] [--seconds 60]

nginx runs docs/nginx.conf. Clients ask without a pause, each from an address of its own in 127.0.0.0/8;
every other one keeps no cookies. After a third of the time one replica is killed with SIGKILL, after two
thirds it is started again. A call that breaks is asked again, and has to be answered then. Ends with an
error where a call was lost that the killed replica did not run, or where an answer was wrong. Prints a
table, and one JSON line.
"""

import argparse
import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.clients import Lost, Refused, Request, ask, client, requests
from bench.load import repeat, show
from bench.nginx import nginx
from bench.page_server import ROOT, app, process_of

KILLED = "1"  # the cookie of the replica that dies
TRIES = 20  # of a call that broke
PAUSE_S = 0.5  # between them
FAIL_TIMEOUT_S = 10  # for so long nginx does not try a server that failed


class Crowd:
    """Clients of the two replicas, and what became of their calls.

    Args:
        url: of nginx.
        known: what they ask.
        wanted: the answers, in the same order.
        count: of the clients.
    """

    def __init__(self, url: str, known: list[Request], wanted: list[Any], count: int) -> None:
        self.https = [client(url, f"127.0.1.{k + 1}", cookies=k % 2 == 0) for k in range(count)]
        self.counts = Counter(answers=0, wrong=0, broken=0, lost=0)
        self.replica = [""] * count  # that each client's calls go to
        self._pairs = list(zip(known, wanted, strict=True))
        self._chances = [random.Random(k) for k in range(count)]
        self._running: set[int] = set()  # clients that wait for an answer
        self._doomed: set[int] = set()  # those of them whose replica was killed

    async def look(self) -> None:
        """See which replica each client is sent to."""
        for index, http in enumerate(self.https):
            answer = await http.get("/info")
            self.replica[index] = answer.cookies.get("replica") or http.cookies["replica"]

    def note_killed(self, replica: str) -> int:
        """A replica was just killed. Returns how many calls it ran."""
        self._doomed = {k for k in self._running if self.replica[k] == replica}
        return len(self._doomed)

    async def call(self, index: int) -> None:
        """One call of a client; where it breaks, again."""
        request, wanted = self._chances[index].choice(self._pairs)
        for _ in range(TRIES):
            self._running.add(index)
            try:
                answer = await ask(self.https[index], request)
            except (Lost, Refused) as error:
                self.counts["broken" if index in self._doomed else "lost"] += 1
                if index not in self._doomed:
                    print(f"lost, though its replica lives: {error}")
                await asyncio.sleep(PAUSE_S)
            else:
                right = answer == wanted
                self.counts["answers" if right else "wrong"] += 1
                if not right:
                    print(f"wrong, by {self.replica[index]}: {request}\n  {answer}\n  not {wanted}")
                return
            finally:
                self._running.discard(index)
                self._doomed.discard(index)
        raise RuntimeError(f"{request.endpoint} was not answered in {TRIES} tries.")


def kill(url: str) -> None:
    """Kill the server at `url`, and wait until it is dead. Meanwhile no client of ours begins a call.

    A process takes its time to die where others want the processor. Till then its port takes calls, which
    it does not run.
    """
    process = process_of(url)
    os.kill(process, signal.SIGKILL)
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)  # whoever started it waits for it too


async def kill_and_restart(
    url: str, apps: list[str], weights: Path, clients: int, seconds: float
) -> dict[str, Any]:
    """Let clients call, kill a replica, and start it again; see the module."""
    known = requests(weights)
    async with client(url) as http:
        wanted = [await ask(http, request) for request in known]
    crowd = Crowd(url, known, wanted, clients)
    await crowd.look()
    before = list(crowd.replica)
    calls = asyncio.create_task(repeat(crowd.call, clients, seconds))
    await asyncio.sleep(seconds / 3)
    kill(apps[0])
    ran = crowd.note_killed(KILLED)
    await asyncio.sleep(seconds / 3)
    await crowd.look()
    without = list(crowd.replica)
    port = int(apps[0].rsplit(":", 1)[1])
    start = time.monotonic()
    with ExitStack() as stack:
        again = await asyncio.to_thread(stack.enter_context, app(weights, port=port))
        started = time.monotonic() - start
        took = await calls
        await asyncio.sleep(max(0, FAIL_TIMEOUT_S - (time.monotonic() - start - started)))
        await crowd.look()
        async with client(again) as http:
            assert await ask(http, known[0]) == wanted[0]
    for http in crowd.https:
        await http.aclose()
    return {
        "clients": clients,
        "seconds": round(took),
        **crowd.counts,
        "ran_on_the_killed": ran,
        "seconds_to_start_again": round(started),
        "replica_of_each": [" ".join(each) for each in (before, without, crowd.replica)],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Start both, run the clients, print a table, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=ROOT / "weights")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60)
    flags = parser.parse_args(arguments)
    with (
        app(flags.weights) as first,
        app(flags.weights) as second,
        nginx([first, second]) as served,
    ):
        result = asyncio.run(
            kill_and_restart(
                served.endpoints, [first, second], flags.weights, flags.clients, flags.seconds
            )
        )
    show(result)
    if result["lost"] or result["wrong"]:
        raise SystemExit(
            "Calls were lost, or answered wrongly, that the killed replica did not run."
        )


if __name__ == "__main__":
    main()
