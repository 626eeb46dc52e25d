"""Programs that ask the endpoints over HTTP: what they ask, and whether the answer is the right one."""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

TIMEOUT_S = 600


class Refused(Exception):
    """The server says in a sentence that it will not."""


class Lost(Exception):
    """There is no answer, or none that makes sense."""


@dataclass(frozen=True)
class Request:
    """A call of an endpoint whose answer is always the same."""

    endpoint: str
    arguments: dict[str, Any]


def requests(weights: Path) -> list[Request]:
    """All calls of all models in a folder, each with a seed.

    Args:
        weights: folder of model folders.
    """
    chance = random.Random(0)
    found = []
    for path in sorted(weights.glob("*/config.json")):
        config = json.loads(path.read_text(encoding="utf-8"))
        model = {"model": path.parent.name}
        for seed in range(4):
            drawing = model | {"levels": _drawing(chance, config["height"], config["width"])}
            counts = {"count": (1, 4, 16)[seed % 3], "seed": seed}
            found.append(Request("sample", model | counts))
            found.append(Request("complete", drawing | {"rows": 14, "count": 8, "seed": seed}))
            found.append(Request("trace", drawing))
            if config["num_classes"]:
                found.append(Request("posterior", drawing | {"rows": 14}))
    return found


def _drawing(chance: random.Random, height: int, width: int) -> list[list[int]]:
    """An upright bar somewhere."""
    column = chance.randrange(8, width - 8)
    return [[int(i >= 4 and abs(j - column) < 2) for j in range(width)] for i in range(height)]


def client(url: str, address: str = "127.0.0.1", *, cookies: bool = True) -> httpx2.AsyncClient:
    """A client of the server at `url`.

    Args:
        url: of the server.
        address: it comes from, one of this machine's own, 127.x.x.x.
        cookies: whether it keeps them, as a browser and Gradio's client do.
    """

    async def forget(request: httpx2.Request) -> None:
        request.headers.pop("Cookie", None)

    # There is no TLS here, and its certificates take 60 ms to read.
    return httpx2.AsyncClient(
        base_url=f"{url}/gradio_api",
        timeout=TIMEOUT_S,
        transport=httpx2.AsyncHTTPTransport(local_address=address, verify=False),
        event_hooks={"request": [] if cookies else [forget]},
    )


async def ask(http: httpx2.AsyncClient, request: Request) -> Any:
    """Call an endpoint: a POST starts it, and a GET waits for the answer.

    Raises:
        Refused: if the server says that it is busy.
        Lost: if anything else comes back, or nothing.
    """
    try:
        path = await _start(http, request)
        stream = (await http.get(path)).raise_for_status()
        event, payload = stream.text.strip().split("\n\n")[-1].split("\n")
        value = json.loads(payload.removeprefix("data: "))
    except (httpx2.HTTPError, ValueError, KeyError) as error:
        raise Lost(repr(error)) from error
    if event == "event: complete":
        return value[0]
    if "busy" in str(value):
        raise Refused(value["error"] if isinstance(value, dict) else value)
    raise Lost(f"{event} {value}")


async def hang_up(http: httpx2.AsyncClient, request: Request) -> None:
    """Call an endpoint, begin to wait for the answer, and leave.

    Raises:
        Refused, Lost: as `ask`.
    """
    try:
        async with http.stream("GET", await _start(http, request)) as stream:
            stream.raise_for_status()
    except (httpx2.HTTPError, ValueError, KeyError) as error:
        raise Lost(repr(error)) from error


async def _start(http: httpx2.AsyncClient, request: Request) -> str:
    """Start a call. Returns where its answer is to be had."""
    path = f"/call/v2/{request.endpoint}"
    started = await http.post(path, json=request.arguments)
    if started.status_code == 503:
        raise Refused(started.json()["detail"])
    return f"{path}/{started.raise_for_status().json()['event_id']}"
