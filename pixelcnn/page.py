"""`python -m pixelcnn.page RUN`: the page on one's own models, as plain files.

Serves it on this machine; with `--out`, writes it into a folder for any server of plain files.
"""

import argparse
import hashlib
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

from pixelcnn.refusals import one_sentence
from pixelcnn.store.names import WEIGHTS
from pixelcnn.store.shown import find_shown
from pixelcnn.ui.static import Files, site, write

PORT = 8000
TRIES = 20  # ports from there on, where none is asked for


class Handler(SimpleHTTPRequestHandler):
    """Serves files, quietly, with the types that browsers insist on."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *arguments: object) -> None:
        """Say nothing: each of a hundred files would be a line."""


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    add(
        "weights",
        nargs="*",
        default=[WEIGHTS],
        help="folders of runs, of models, or of several; or hf://NAMESPACE/NAME; default: ours",
    )
    add("--out", type=Path, metavar="FOLDER", help="serve nothing: write the page there")
    add("--host", default="127.0.0.1", help="address to listen at; default: this machine alone")
    add("--port", type=int, help=f"default: {PORT}, or the next that is free")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page, or serve it until Ctrl-C."""
    args = parse_args(argv)
    with one_sentence(), ExitStack() as stack:
        place = Path(stack.enter_context(TemporaryDirectory()))
        folders, _, refusals = find_shown(args.weights, place / "models")
        for sentence in refusals:
            print(sentence)
        files = site(folders, alone=True)
        if args.out:
            size = write(files, args.out)
            print(f"{len(files)} files, {size / 1e6:.1f} MB, in {args.out}: {', '.join(folders)}")
            return
        # Under a name of its own, so that no browser shows what it kept of another page at this address.
        name = _version(files)
        write(files, place / "served" / name)
        server = stack.enter_context(listen(place / "served", args.host, args.port))
        print(
            f"{', '.join(folders)}: http://{args.host}:{server.server_port}/{name}/web/", flush=True
        )
        print("Ctrl-C ends it.", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def listen(folder: Path, host: str, port: int | None) -> ThreadingHTTPServer:
    """A server of a folder.

    Raises:
        OSError: in one sentence, if it cannot have the port.
    """
    handler = partial(Handler, directory=str(folder))
    for each in (port,) if port is not None else range(PORT, PORT + TRIES):
        try:
            return ThreadingHTTPServer((host, each), handler)
        except (OSError, OverflowError, socket.gaierror):
            continue
    raise OSError(f"{host} cannot be listened at: give another --host, or another --port.")


def _version(files: Files) -> str:
    """A name for these very files."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        data = content if isinstance(content, bytes) else content.read_bytes()
        digest.update(f"{name} {len(data)} ".encode() + data)
    return digest.hexdigest()[:8]


if __name__ == "__main__":
    main()
