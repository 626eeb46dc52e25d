"""Wild requests to the endpoints: a part of what `bench.fuzz_endpoints` runs, and what it found."""

import asyncio
import inspect
import json

import pytest

from bench import fuzz_endpoints, wild
from pixelcnn.ui.endpoints import server_function
from pixelcnn.ui.executor import ModelExecutor
from pixelcnn.ui.gate import MAX_BODY, Gate
from pixelcnn.ui.service import Service
from tests.page_server import server_url

BLANK = [[0] * 6] * 7


@pytest.mark.slow
def test_wild_requests_are_answered_by_a_result_or_a_sentence():
    tally, _ = fuzz_endpoints.fuzz_functions(300, seed=3)
    assert tally.defects == []
    assert tally.outcomes["result"] > 50
    assert tally.outcomes["refused"] > 50


@pytest.mark.slow
def test_wild_bodies_are_answered_by_a_result_or_a_sentence():
    tally, _ = fuzz_endpoints.fuzz_raw(server_url(), 80, seed=1)
    assert tally.defects == []
    assert tally.outcomes["refused"] > 5


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"temperature": 10**400}, "temperature must be a number from 0 to 2.0, got 1000"),
        (
            {"count": 10**5000},
            "count must be a whole number from 1 to 64, got a number of thousands",
        ),
        ({"count": wild.nested(50_000)}, "count must be a whole number from 1 to 64, got [[[[[["),
        ({"model": wild.nested(50_000)}, "model must be one of binary, gray, residual, got [[["),
        ({"model": "x" * 10**6}, "model must be one of binary, gray, residual, got 'xxx"),
        (
            {"x" * 10**6: 1},
            "A request names count, label, temperature, seed, model, freehand, got 'xx",
        ),
    ],
    ids=lambda value: "",
)
def test_values_that_cannot_be_written_down_are_refused_in_a_sentence(request_, sentence):
    service = Service(wild.toy_models(), ModelExecutor())
    answer = asyncio.run(server_function(service.sample)(request_))
    assert answer["error"].startswith(sentence)
    assert wild.is_sentence(answer["error"])


async def _nothing(value: int, other: int = 7) -> None: ...


def ask(path, body=b"", *, method="POST", headers=(), answer=None):
    """What the gate says to a request, or what it passes on: (status, body) or the scope and body."""
    passed, sent = [], []

    async def app(scope, receive, send):
        message = await receive() if method == "POST" else {"body": b""}
        passed.append((scope, message["body"]))
        for each in answer or ():
            if isinstance(each, Exception):
                raise each
            await send(each)

    async def run():
        parts = [body[k : k + 2**18] for k in range(0, len(body), 2**18)] or [b""]
        messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        messages[-1]["more_body"] = False

        async def receive():
            return messages.pop(0)

        async def send(message):
            sent.append(message)

        gate = Gate(
            app, {"first": inspect.signature(_nothing), "second": inspect.signature(_nothing)}
        )
        kinds = [(b"content-type", b"application/json"), *headers]
        scope = {"type": "http", "path": path, "method": method, "headers": kinds}
        await gate(scope, receive, send)

    asyncio.run(run())
    if sent:
        return sent[0].get("status"), b"".join(each.get("body", b"") for each in sent).decode()
    ((scope, passed_body),) = passed
    return scope, passed_body


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("call/third", b"{}", 404, "There is no such endpoint: ask first, second."),
        ("run/predict", b"{}", 404, "There is no such endpoint: ask first, second."),
        ("call/first", b"{", 400, "The request is not JSON that can be read."),
        ("call/first", b'{"data": [NaN]}', 400, "The request is not JSON that can be read."),
        ("reset", b'{"data": 1e999}', 400, "The request is not JSON that can be read."),
        ("reset", b'"\\ud800"', 400, "The request is not JSON that can be read."),
        ("call/first", b"[" * 100_000, 400, "The request is not JSON that can be read."),
        ("call/first", b"9" * 5_000, 400, "The request is not JSON that can be read."),
        ("call/first", b"[]", 400, "A request is a JSON object."),
        ("call/first", b"{}", 400, "A request holds data, a list of value, other."),
        (
            "api/first",
            b'{"data": []}',
            400,
            "The arguments are value, other, and this request has 0.",
        ),
        (
            "call/first/",
            b'{"data": [1, 2, 3]}',
            400,
            "The arguments are value, other, and this request has 3.",
        ),
        ("call/v2/first", b'{"values": 1}', 400, "The arguments are value, other, by name."),
        (
            "queue/join",
            b'{"fn_index": 9}',
            404,
            "There is no such endpoint: fn_index must be the number of one.",
        ),
        (
            "queue/join",
            b'{"fn_index": 1, "data": []}',
            400,
            "The arguments are value, other, and this request has 0.",
        ),
        ("upload", b"", 404, "Nothing can be uploaded here: send levels as lists of numbers."),
        (
            "call/first",
            b" " * (MAX_BODY + 1),
            413,
            "A request may have 1048576 bytes, and this one has more.",
        ),
    ],
    ids=lambda value: "",
)
def test_the_gate_refuses_in_a_sentence(path, body, status, sentence):
    assert ask(f"/gradio_api/{path}", body) == (status, json.dumps({"detail": sentence}))


def test_the_gate_fetches_nothing_for_others():
    for address in ("https://example.org/x", "HTTP://169.254.169.254/", "ftp:/x"):
        status, _ = ask(f"/gradio_api/file={address}", method="GET")
        assert status == 403
    scope, _ = ask("/gradio_api/file=/home/web/js/main.js", method="GET")
    assert scope["path"] == "/gradio_api/file=/home/web/js/main.js"


def test_arguments_that_were_left_out_become_their_defaults():
    for path, more in (("call/first", {}), ("queue/join", {"fn_index": 0})):
        _, body = ask(f"/gradio_api/{path}", json.dumps({"data": [1], **more}).encode())
        assert json.loads(body)["data"] == [1, 7]


def test_a_range_that_is_none_is_left_out():
    for value, kept in (
        (b"bytes=0-9", True),
        (b"bytes=1-2-3", False),
        ("bytes=²-".encode("latin-1"), False),
    ):
        scope, _ = ask("/gradio_api/file=/x", method="GET", headers=[(b"range", value)])
        assert any(name == b"range" for name, _ in scope["headers"]) == kept


def start(status):
    return {"type": "http.response.start", "status": status, "headers": []}


def end(body):
    return {"type": "http.response.body", "body": body}


def test_a_refusal_of_an_endpoint_is_no_fault_of_the_server():
    body = b'{"data": [1]}'
    refused = [start(500), end(b'{"error":"No."}')]
    assert ask("/gradio_api/run/first", body, answer=refused) == (422, '{"error":"No."}')
    fault = [start(500), end(b'{"error":null}')]
    assert ask("/gradio_api/run/first", body, answer=fault) == (500, '{"error":null}')


def test_a_stream_of_no_event_ends_with_a_sentence():
    broken = [start(200), RuntimeError("Caught handled exception, but response already started.")]
    status, body = ask("/gradio_api/call/first/none", method="GET", answer=broken)
    assert status == 200
    assert "There is no such event" in body
    with pytest.raises(RuntimeError, match="a fault"):
        ask("/gradio_api/call/first/none", method="GET", answer=[RuntimeError("a fault")])
