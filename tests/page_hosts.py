"""Servers of plain files, as the page meets them: real ones, and one with the faults that a test asks for."""

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from bench.page_server import files, free_port, wait_for

START_LIMIT_S = 120  # npx fetches the server first


class Host(ThreadingHTTPServer):
    """A server of a folder. Paths are those of requests, without what stands before `/web` and `/weights`."""

    daemon_threads = True

    def __init__(self, folder: Path, *, moved: int | None = None, port: int = 0) -> None:
        self.asked: list[str] = []
        self.missing: set[str] = set()
        self.stalled: set[str] = set()  # answered when the server ends
        self.types: dict[str, str] = {}  # by suffix
        self.headers: dict[str, str] = {"Cache-Control": "no-cache"}
        self.moved = moved  # status of the redirect from index.html to its folder
        self.ended = Event()
        super().__init__(("127.0.0.1", port), functools.partial(_Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Browsers hang up on what they no longer want."""


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Host

    def do_GET(self):
        path, _, query = self.path.partition("?")
        self.server.asked.append(path)
        if path in self.server.stalled:
            self.server.ended.wait()
            self.close_connection = True
        elif path in self.server.missing:
            self.send_error(404)
        elif self.server.moved and path.endswith("/index.html"):
            self.send_response(self.server.moved)
            to = path.removesuffix("index.html") + (f"?{query}" if query else "")
            self.send_header("Location", to)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            super().do_GET()

    def guess_type(self, path):
        return self.server.types.get(Path(path).suffix) or super().guess_type(path)

    def end_headers(self):
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *arguments):
        """Tests look at `asked`."""


@contextmanager
def host(folder: Path, **options) -> Iterator[Host]:
    with Host(folder, **options) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


@contextmanager
def _command(command: list[str], port: int) -> Iterator[str]:
    program = shutil.which(command[0])
    if not program:
        pytest.skip(f"{command[0]} is not installed.")
    quiet = subprocess.DEVNULL
    server = subprocess.Popen([program, *command[1:]], stdout=quiet, stderr=quiet)
    url = f"http://127.0.0.1:{port}"
    try:
        try:
            wait_for(url, server, limit_s=START_LIMIT_S)
        except RuntimeError as error:
            pytest.skip(f"{' '.join(command[:3])} does not start here: {error}")
        yield url
    finally:
        server.terminate()
        server.wait()


def _npx(*command: str):
    """A server of the npm registry."""

    @contextmanager
    def serve(folder: Path) -> Iterator[str]:
        port = str(free_port())
        name, *options = (word.format(folder=folder, port=port) for word in command)
        with _command(["npx", "--yes", name, *options], int(port)) as url:
            yield f"{url}/"

    return serve


NGINX = """
pid {temporary}/pid;
error_log {temporary}/error.log;
daemon off;
events {{}}
http {{
  include /etc/nginx/mime.types;
  access_log off;
  {paths}
  server {{
    listen 127.0.0.1:{port};
    root {folder};
    {settings}
  }}
}}
"""


def _nginx(settings: str, start: str):
    """nginx with these settings, opened at `start`."""

    @contextmanager
    def serve(folder: Path) -> Iterator[str]:
        port = free_port()
        with files(folder) as behind, tempfile.TemporaryDirectory() as temporary:
            kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            paths = "".join(f"{kind}_temp_path {temporary}/{kind};" for kind in kinds)
            config = Path(temporary) / "nginx.conf"
            filled = settings.replace("BEHIND", behind).replace("FOLDER", str(folder))
            user = "user root;" if os.geteuid() == 0 else ""  # who reads what we read
            config.write_text(
                user
                + NGINX.format(
                    temporary=temporary, paths=paths, port=port, folder=folder, settings=filled
                )
            )
            command = ["nginx", "-e", f"{temporary}/error.log", "-c", str(config)]
            with _command(command, port) as url:
                yield f"{url}{start}"

    return serve


@contextmanager
def _python(folder: Path) -> Iterator[str]:
    with files(folder) as url:
        yield f"{url}/"


@contextmanager
def _caddy(folder: Path) -> Iterator[str]:
    port = free_port()
    command = ["caddy", "file-server", "--root", str(folder), "--listen", f"127.0.0.1:{port}"]
    with _command(command, port) as url:
        yield f"{url}/"


def _moved(status: int):
    """Clean addresses: index.html is moved to its folder."""

    @contextmanager
    def serve(folder: Path) -> Iterator[str]:
        with host(folder, moved=status) as server:
            yield f"{server.url}/"

    return serve


# What serves a folder; each yields the address that a visitor opens.
SERVERS = {
    "python -m http.server": _python,
    "nginx": _nginx("", "/"),
    "nginx, a subpath": _nginx("location /a/b/ { alias FOLDER/; }", "/a/b/"),
    "nginx, a proxy": _nginx("location /a { proxy_pass BEHIND/; }", "/a/"),
    "nginx, a folder at an address without a slash": _nginx(
        "location = /a { proxy_pass BEHIND/index.html; } location /a/ { proxy_pass BEHIND/; }", "/a"
    ),
    "caddy": _caddy,
    "npx serve": _npx("serve@14", "{folder}", "-l", "tcp://127.0.0.1:{port}", "-L", "-n"),
    "npx http-server": _npx("http-server@14", "{folder}", "-a", "127.0.0.1", "-p", "{port}", "-s"),
    **{f"moved by {status}": _moved(status) for status in (301, 302, 307, 308)},
}
