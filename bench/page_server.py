"""Serves the page for a measurement: as plain files, or by `app.py`, in a process of its own."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError

ROOT = Path(__file__).resolve().parent.parent
START_LIMIT_S = 300


def free_port() -> int:
    """A port of this machine that nothing listens at.

    The system gives those above to connections: one could be taken while a server still starts.
    """
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


@contextmanager
def files(folder: Path = ROOT, *, port: int | None = None) -> Iterator[str]:
    """Serve a folder that holds `web` and `weights` by `python -m http.server`; yields its address."""
    port = port or free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    command += ["--directory", str(folder)]
    with _running(command, port, dict(os.environ), START_LIMIT_S) as url:
        yield url


@contextmanager
def app(
    weights: Path | None,
    variables: Mapping[str, str] | None = None,
    *,
    limit_s: float = START_LIMIT_S,
    port: int | None = None,
) -> Iterator[str]:
    """Serve the page in Gradio, with these environment variables too; yields its address."""
    port = port or free_port()
    command = [sys.executable, "app.py", "--port", str(port)]
    if weights:
        command += ["--weights", str(weights.resolve())]
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", **(variables or {})}
    with _running(command, port, environment, limit_s) as url:
        yield url


@contextmanager
def _running(
    command: list[str], port: int, environment: dict[str, str], limit_s: float
) -> Iterator[str]:
    quiet = subprocess.DEVNULL
    errors = quiet if "http.server" in command else None  # it logs every request there
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=errors)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url, server, limit_s=limit_s)
        yield url
    finally:
        server.terminate()
        server.wait()


def process_of(url: str) -> int:
    """The process of the `app.py` at `url` on this machine.

    Raises:
        RuntimeError: if there is none.
    """
    port = f"--port {url.rsplit(':', 1)[1]}".split()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and port == _words(folder / "cmdline")[2:4]:
            return int(folder.name)
    raise RuntimeError(f"No server for {url} runs here.")


def cpu_seconds(process: int) -> float:
    """CPU time of a process and of its children that run, in seconds."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if process in (int(stat.parent.name), int(fields[1])):
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def percentile(ordered: list[float], part: float) -> float:
    """Nearest rank, of ordered values."""
    return ordered[min(len(ordered) - 1, round(part * (len(ordered) - 1)))]


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split("\0")
    except OSError:
        return []


def wait_for(url: str, server: subprocess.Popen[bytes], *, limit_s: float = START_LIMIT_S) -> None:
    """Wait for the first answer of a page that was just started.

    Raises:
        RuntimeError: if there is none within the limit, or the process ends.
    """
    end = time.monotonic() + limit_s
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except URLError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"Nothing answers at {url}; exit status {server.poll()}.")
