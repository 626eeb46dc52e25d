"""What many visitors at once meet: 64 browsers that open the page again and again, for five minutes.

    python -m bench.load_files [--clients 64] [--seconds 300]

A real nginx serves the files, with docs/nginx.conf. A visit is all that a first one fetches, over six new
connections as a browser does; each file is compared with what lies on disk. All traffic stays on this
machine, and the clients take more of it than nginx does: its CPU time tells what a core would serve.
Prints a table, and one JSON line.
"""

import argparse
import asyncio
import gzip
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bench.clients import Lost
from bench.load import Tally, repeat, show
from bench.nginx import nginx
from bench.page_server import ROOT, cpu_seconds
from pixelcnn.ui.static import kept_whole, our_models, site

CONNECTIONS = 6  # of a browser to a server
PATIENCE_S = 60  # for one file


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the clients, print a table, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=300)
    flags = parser.parse_args(arguments)
    with nginx() as served:
        port = int(served.files.rsplit(":", 1)[1])
        wanted = {name: (ROOT / name).read_bytes() for name in first_visit()}
        result = asyncio.run(load(port, wanted, flags.clients, flags.seconds))
        result["nginx_cpu_seconds"] = cpu_seconds(served.process)
    show(result)


def first_visit() -> list[str]:
    """What a first visit fetches: all that the views need, and the default model."""
    return kept_whole(site(our_models()))


async def load(port: int, wanted: dict[str, bytes], clients: int, seconds: float) -> dict[str, Any]:
    """Visit the page again and again. Times are those of whole visits.

    Args:
        port: of nginx.
        wanted: what each file of a visit has to be.
        clients: visitors at a time.
        seconds: after which no visit begins.
    """
    tally, sent = Tally(), Counter(files=0, bytes=0)

    async def visit(_: int) -> None:
        await tally.time(_visit(port, wanted, sent))

    took = await repeat(visit, clients, seconds)
    return {
        "clients": clients,
        "seconds": round(took),
        "files_a_visit": len(wanted),
        "kb_a_visit": round(sent["bytes"] / max(1, tally.counts["answers"]) / 1000),
        "files_per_second": round(sent["files"] / took),
        **tally.summary(took),
    }


async def _visit(port: int, wanted: dict[str, bytes], sent: Counter[str]) -> None:
    """Fetch all files of a visit.

    Raises:
        Lost: if one does not come, or is not the one on disk.
    """
    names = list(wanted)

    async def fetch_some(part: list[str]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for name in part:
                file, size = await _fetch(reader, writer, name)
                if file != wanted[name]:
                    raise Lost(f"{name} is not what lies on disk")
                sent.update(files=1, bytes=size)
        finally:
            writer.close()
            await writer.wait_closed()

    try:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(fetch_some(names[k::CONNECTIONS]) for k in range(CONNECTIONS)))
    except (OSError, EOFError, ValueError) as error:
        raise Lost(repr(error)) from error


async def _fetch(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str
) -> tuple[bytes, int]:
    """A file, and the bytes that were sent for it, by the little of HTTP/1.1 that nginx speaks here.

    Raises:
        Lost: if the answer is not a file.
    """
    request = f"GET /{name} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"
    writer.write(request.encode())
    raw = await reader.readuntil(b"\r\n\r\n")
    status, *lines = raw.decode().strip().split("\r\n")
    if " 200 " not in status:
        raise Lost(f"{name}: {status}")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body, size = b"", None
        while size != 0:
            size = int(await reader.readline(), 16)
            body += (await reader.readexactly(size + 2))[:-2]
    file = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
    return file, len(raw) + len(body)


if __name__ == "__main__":
    main()
