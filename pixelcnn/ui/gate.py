"""What a request must be before Gradio sees it, so that whatever is sent is answered by a sentence.

Gradio answers some requests with a status of 500 and a traceback in the log: an endpoint that does not exist,
too few arguments, NaN within an error message, a broken `Range`. It takes uploads, which no endpoint wants,
and fetches addresses for others. `Gate` stands before it as ASGI middleware and refuses these.
"""

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MAX_BODY = 1 << 20  # bytes; the largest image of 256 levels takes a fifth
CALL = re.compile(r"/gradio_api/(call/v2|call|run|api)/([^/]+)")
RANGE = re.compile(rb"bytes=[0-9]{1,15}-[0-9]{1,15}")


class Refused(Exception):
    """A request that is answered here: a status and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Gate:
    """ASGI middleware before Gradio.

    Args:
        app: Gradio.
        endpoints: the parameters of the named endpoints, in the order in which Gradio numbers them.
    """

    def __init__(self, app: App, endpoints: Mapping[str, inspect.Signature]) -> None:
        self._app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "http" and "\0" in scope["path"]:
            await _answer(send, 400, "A path holds no zero byte.")
            return
        if scope["type"] != "http" or "/gradio_api/" not in scope["path"]:
            await self._app(scope, receive, send)
            return
        try:
            scope = self._checked(scope)
            if scope["method"] == "POST":
                receive = _replayed(self._fitting(scope, await _body(receive)), receive)
        except Refused as refused:
            await _answer(send, refused.status, str(refused))
            return
        answer = _Answer(send, scope["path"])
        try:
            await self._app(scope, receive, answer.send)
        except Exception as error:
            if type(error) is not RuntimeError or not answer.begun:
                raise
            # Of a stream of an event that nobody asked for Gradio sends the head, and then finds out.
            await answer.end("There is no such event: ask for one first.")

    def _checked(self, scope: Message) -> Message:
        path = scope["path"]
        if path.rstrip("/").endswith("/gradio_api/upload"):
            raise Refused(404, "Nothing can be uploaded here: send levels as lists of numbers.")
        if re.search(r"/gradio_api/file=[a-z]{2,}:/", path, re.IGNORECASE):
            raise Refused(403, "Only files of the page are served here.")
        if (call := CALL.search(path)) and call[2] not in self._endpoints:
            raise Refused(404, f"There is no such endpoint: ask {', '.join(self._endpoints)}.")
        headers = scope["headers"]
        kept = [each for each in headers if each[0] != b"range" or RANGE.fullmatch(each[1])]
        return {**scope, "headers": kept}

    def _fitting(self, scope: Message, body: bytes) -> bytes:
        """The body as Gradio takes it: every argument there, those that were left out as their defaults."""
        kinds = [value for name, value in scope["headers"] if name == b"content-type"]
        if kinds and b"json" not in kinds[0].lower():
            return body
        try:
            message = json.loads(body)
            json.dumps(message, allow_nan=False, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise Refused(400, "The request is not JSON that can be read.") from error
        if signature := self._asked(scope["path"], message):
            if not isinstance(message, dict):
                raise Refused(400, "A request is a JSON object.")
            by_name = "/call/v2/" in scope["path"]
            (_name_all if by_name else _fill)(message, signature)
            body = json.dumps(message).encode()
        return body

    def _asked(self, path: str, message: Any) -> inspect.Signature | None:
        """The parameters of the endpoint that is asked; None for what is none of them."""
        if call := CALL.search(path):
            return self._endpoints[call[2]]
        if not path.rstrip("/").endswith("/gradio_api/queue/join") or not isinstance(message, dict):
            return None
        number = message.get("fn_index")
        if type(number) is not int or not 0 <= number < len(self._endpoints):
            raise Refused(404, "There is no such endpoint: fn_index must be the number of one.")
        return list(self._endpoints.values())[number]


class _Answer:
    """What Gradio answers; a refusal by the endpoints that wait for it is no fault of the server."""

    def __init__(self, send: Send, path: str) -> None:
        self._send = send
        self._waited = (call := CALL.search(path)) is not None and call[1] != "call"
        self._head: Message | None = None
        self.begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._waited and message["status"] == 500:
            self._head = message
            return
        if self._head:
            head, self._head = self._head, None
            refused = b'"error":null' not in message.get("body", b"")
            await self._send({**head, "status": 422} if refused else head)
        self.begun = True
        await self._send(message)

    async def end(self, sentence: str) -> None:
        text = f"event: error\ndata: {json.dumps({'error': sentence})}\n\n"
        await self._send({"type": "http.response.body", "body": text.encode()})


def _fill(message: dict[str, Any], signature: inspect.Signature) -> None:
    """Arguments by position: those that were left out become their defaults."""
    names, data = ", ".join(signature.parameters), message.get("data")
    if not isinstance(data, list):
        raise Refused(400, f"A request holds data, a list of {names}.")
    missing = list(signature.parameters.values())[len(data) :]
    if len(data) > len(signature.parameters) or any(each.default is each.empty for each in missing):
        raise Refused(400, f"The arguments are {names}, and this request has {len(data)}.")
    message["data"] = [*data, *(each.default for each in missing)]


def _name_all(message: dict[str, Any], signature: inspect.Signature) -> None:
    """Arguments by name: of those that Gradio would stumble over it is told here."""
    needed = {name for name, each in signature.parameters.items() if each.default is each.empty}
    if not needed <= set(message) <= set(signature.parameters):
        raise Refused(400, f"The arguments are {', '.join(signature.parameters)}, by name.")


async def _body(receive: Receive) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400, "The request ended before it was whole.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            raise Refused(413, f"A request may have {MAX_BODY} bytes, and this one has more.")
        more = message.get("more_body", False)
    return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """`receive` of a request whose body was read already."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"detail": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
