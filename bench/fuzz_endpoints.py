"""Wild requests to the endpoints: each is answered by a result or by one sentence.

    python -m bench.fuzz_endpoints [--requests 20000] [--raw 2000] [--seed 0]

Most go to the functions that Gradio calls, in turns the page's (one JSON object) and the named endpoints; the
raw ones go by HTTP to a running app, as bytes that may be no JSON. Models are small, and the requests follow
from the seed. Prints the outcomes and what memory did; ends with 1 if there was a traceback, a status of 500,
or an answer that is neither.
"""

import argparse
import asyncio
import gc
import http.client
import json
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.machine import resident_mb
from bench.page_server import app, process_of
from bench.wild import Tally, is_sentence, save_toys, toy_models, wild
from pixelcnn.ui.endpoints import named_endpoint, server_function
from pixelcnn.ui.executor import ModelExecutor
from pixelcnn.ui.quick_gradio import gradio as gr
from pixelcnn.ui.service import Service

FIELDS = {
    "sample": ("count", "label", "temperature", "seed", "model", "freehand"),
    "complete": (
        *("levels", "rows", "count", "label", "temperature", "seed", "model", "distinct"),
        *("freehand", "given"),
    ),
    "trace": ("levels", "rows", "label", "model", "freehand"),
    "posterior": ("levels", "rows", "model", "freehand", "given"),
}
DEFAULTS = {"count": 1, "rows": 2, "temperature": 1.0, "distinct": False, "freehand": False}
TIMEOUT_S = 60  # of one request


def make_request(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """The name of an endpoint, and arguments of which some may be wild, missing or unknown."""
    name = chance.choice(tuple(FIELDS))
    sound = {
        "levels": [[chance.randrange(2) for _ in range(6)] for _ in range(7)],
        "rows": chance.randrange(8),
        "count": chance.choice((1, 1, 2, 3)),
        "label": chance.choice((None, 0, 1, 2)),
        "temperature": chance.choice((0, 0.5, 1, 2.0)),
        "seed": chance.choice((None, 0, 5, 2**32 - 1)),
        "model": chance.choice((None, "binary", "binary", "gray", "residual")),
        "distinct": chance.choice((True, False)),
        "freehand": chance.choice((True, False, False)),
        "given": chance.choice((None, [[chance.random() < 0.5] * 6 for _ in range(7)])),
    }
    request = {key: sound[key] for key in FIELDS[name] if key == "levels" or chance.random() < 0.6}
    for _ in range(chance.choice((0, 0, 1, 1, 2, 9))):
        kind = chance.randrange(10)
        if kind == 0 and request:
            del request[chance.choice(tuple(request))]
        elif kind == 1:
            request[str(chance.choice(("self", "more", "", "x" * 10_000, "levels")))] = wild(chance)
        elif kind < 5 and "levels" in request:
            grid = chance.choice([key for key in ("levels", "given") if key in request])
            request[grid] = _spoilt(request[grid], chance)
        else:
            request[chance.choice(FIELDS[name])] = wild(chance)
    return name, request


def _spoilt(levels: Any, chance: random.Random) -> Any:
    """An image with something wild in it: a pixel, a row, or a row too many."""
    if not isinstance(levels, list) or not levels or not isinstance(levels[0], list):
        return wild(chance)
    copy = [list(row) if isinstance(row, list) else row for row in levels]
    at = chance.randrange(len(copy))
    kind = chance.randrange(4)
    if kind == 0 and isinstance(copy[at], list) and copy[at]:
        copy[at][chance.randrange(len(copy[at]))] = wild(chance)
    elif kind == 1:
        copy[at] = wild(chance)
    elif kind == 2:
        copy.append(copy[at])
    else:
        del copy[at]
    return copy


def fuzz_functions(requests: int, seed: int) -> tuple[Tally, dict[str, float]]:
    """Ask the functions themselves. Returns the outcomes, and this process's memory on the way."""
    chance = random.Random(seed)
    service = Service(toy_models(), ModelExecutor())
    called: dict[str, Callable[..., Awaitable[Any]]] = {}
    for method in service.endpoints:
        called[f"page {method.__name__}"] = server_function(method)
        called[f"named {method.__name__}"] = named_endpoint(method)
    tally, memory = Tally(), {"started": resident_mb()}
    with asyncio.Runner() as runner:

        def ask(name: str, request: Any, *, page: bool) -> str:
            if page:
                answer = runner.run(_within(called[f"page {name}"](request)))
            else:
                try:
                    answer = runner.run(_within(called[f"named {name}"](**request)))
                except gr.Error as error:
                    answer = {"error": error.message}
            return outcome_of(answer)

        for number in range(requests):
            name, request = make_request(chance)
            page = number % 2 == 0
            if page and chance.random() < 0.05:
                request = wild(chance)
            elif not page:  # Gradio passes no others, and none too few
                request = {key: each for key, each in request.items() if key in FIELDS[name]}
                if name != "sample":
                    request.setdefault("levels", None)
            tally.add(lambda: ask(name, request, page=page), lambda: _told(name, request))  # noqa: B023
            if number + 1 in (requests // 4, requests // 2, requests):
                gc.collect()
                memory[f"after {number + 1}"] = resident_mb()
    return tally, memory


def _told(name: str, request: Any) -> str:
    try:
        return f"{name} {request!r:.200}"
    except (RecursionError, ValueError):
        return f"{name} with a value that cannot be written down"


async def _within(answer: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(answer, TIMEOUT_S)


def outcome_of(answer: Any) -> str:
    """`result`, or `refused`.

    Raises:
        AssertionError: if the answer is neither an object of plain numbers nor one sentence.
    """
    assert isinstance(answer, dict), f"{type(answer)} is no object"
    if "error" in answer:
        assert is_sentence(answer["error"]), f"no sentence: {answer['error']!r:.300}"
        return "refused"
    json.dumps(answer, allow_nan=False)
    return "result"


def fuzz_raw(url: str, requests: int, seed: int) -> tuple[Tally, dict[str, float]]:
    """Ask a running app by HTTP, sound bodies and broken ones. Returns outcomes and the server's memory."""
    chance = random.Random(seed)
    tally, memory = Tally(), {"started": resident_mb(process_of(url))}
    host = urlsplit(url).netloc
    for number in range(requests):
        name, body = make_body(chance)
        tally.add(lambda: call(host, name, body), lambda: f"{name} {body[:120]!r}")  # noqa: B023
        if number + 1 in (requests // 4, requests // 2, requests):
            memory[f"after {number + 1}"] = resident_mb(process_of(url))
    return tally, memory


def make_body(chance: random.Random) -> tuple[str, bytes]:
    """The name of an endpoint, and what is sent to it: JSON with wild arguments, or bytes that are none."""
    name, request = make_request(chance)
    data: Any = [request.get(key, DEFAULTS.get(key)) for key in FIELDS[name]]
    if chance.random() < 0.2:
        data = wild(chance)
    message: Any = {"data": data}
    if chance.random() < 0.1:
        message = wild(chance)
    try:
        body = json.dumps(message).encode("utf-8", "surrogatepass")
    except (RecursionError, ValueError):
        body = b'{"data": [' + b"9" * 5_000 + b"]}"
    if chance.random() < 0.2 and body:
        at = chance.randrange(len(body))
        body = chance.choice((body[:at], body[:at] + b"\xff" + body[at + 1 :], body + b"}", b""))
    return name, body


def call(host: str, name: str, body: bytes) -> str:
    """Call an endpoint in a session of its own, and wait for the answer. Returns what came of it."""
    status, text = exchange(host, "POST", f"/gradio_api/call/{name}", body)
    assert status < 500, f"status {status}: {text[:200]!r}"
    if status != 200:
        assert b"Traceback" not in text
        return f"status {status}"
    event = json.loads(text)["event_id"]
    status, text = exchange(host, "GET", f"/gradio_api/call/{name}/{event}")
    assert status == 200, f"status {status}: {text[:200]!r}"
    kind, payload = text.decode().strip().split("\n\n")[-1].split("\n", 1)
    value = json.loads(payload.removeprefix("data: "))
    if kind == "event: complete":
        return outcome_of(value[0])
    assert value is not None, "an error without a sentence"
    return outcome_of({"error": value if isinstance(value, str) else value["error"]})


def exchange(host: str, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """One request, as it is written; returns the status and the answer's bytes."""
    connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def main() -> None:
    """Ask, print a table, and one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000, help="to the functions")
    parser.add_argument("--raw", type=int, default=2_000, help="by HTTP")
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    result: dict[str, Any] = {"seed": flags.seed}
    found = show("functions", fuzz_functions(flags.requests, flags.seed), result)
    if flags.raw:
        with tempfile.TemporaryDirectory() as folder:
            save_toys(Path(folder))
            with app(Path(folder)) as url:
                found |= show("raw", fuzz_raw(url, flags.raw, flags.seed), result)
    print(json.dumps(result))
    sys.exit(found)


def show(name: str, run: tuple[Tally, dict[str, float]], result: dict[str, Any]) -> bool:
    """Print what came of a run, and note it in `result`. Returns whether there were defects."""
    tally, memory = run
    print(f"{name}: {dict(tally.outcomes)}, slowest {tally.slowest_s:.2f} s, MB {memory}")
    for defect in tally.defects[:20]:
        print(f"  {defect}")
    sys.stdout.flush()  # the next run takes its time
    result[name] = {**tally.outcomes, "slowest_s": round(tally.slowest_s, 2), "mb": memory}
    return bool(tally.defects)


if __name__ == "__main__":
    main()
