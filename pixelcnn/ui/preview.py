"""What a link to the page shows where it is pasted: the title, description and picture of `web/index.html`.

Programs that preview links run no scripts, and want absolute addresses, which are put in where they are
known.
"""

import os
import re
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pixelcnn.ui.static import TAGS, with_picture

GRADIO_TAGS = re.compile(r'<meta\s+(?:property="og:|name="twitter:)[^>]*>')


class PreviewTags:
    """ASGI middleware: our tags in place of Gradio's, in the one page that people open, and their picture.

    Args:
        app: what answers.
        page: the static page, whose tags these are; the picture lies beside it.
    """

    ADDRESS = "/preview.png"  # of the picture on this server

    def __init__(self, app: ASGIApp, *, page: Path) -> None:
        self.app = app
        self.tags = "\n".join(TAGS.findall(page.read_text(encoding="utf-8")))
        self.picture = page.parent / "preview.png"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; the start of an answer waits for its length."""
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] == "http" and path == self.ADDRESS:
            await FileResponse(self.picture)(scope, receive, send)
            return
        if scope["type"] != "http" or path != "/":
            await self.app(scope, receive, send)
            return
        start: MutableMapping[str, Any] = {}
        body = bytearray()

        async def replace(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            headers, text = start["headers"], bytes(body)
            if dict(headers).get(b"content-type", b"").startswith(b"text/html"):
                text = self._replaced(text.decode(), scope).encode()
                headers = [pair for pair in headers if pair[0] != b"content-length"]
                if scope["method"] != "HEAD":
                    headers.append((b"content-length", b"%d" % len(text)))
            await send({**start, "headers": headers})
            await send({"type": "http.response.body", "body": text})

        await self.app(scope, receive, replace)

    def _replaced(self, page: str, scope: Scope) -> str:
        tags = with_picture(self.tags, f"{_origin(scope)}{self.ADDRESS}")
        return GRADIO_TAGS.sub("", page).replace("<head>", f"<head>\n{tags}", 1)


def _origin(scope: Scope) -> str:
    """Where the visitor sees this server: a Space knows its host, a proxy tells it."""
    if host := os.environ.get("SPACE_HOST"):
        return f"https://{host}"
    headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
    scheme = headers.get("x-forwarded-proto", str(scope["scheme"])).partition(",")[0]
    host = headers.get("x-forwarded-host", headers.get("host", ""))
    return f"{scheme}://{host}{scope.get('root_path', '')}"
