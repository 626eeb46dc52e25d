"""Serve the page in Gradio: what `app.py` and `pixelcnn-app` run."""

import argparse
import atexit
import os
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pixelcnn
from pixelcnn.devices import THREADS_HELP, set_threads
from pixelcnn.refusals import one_sentence
from pixelcnn.store.names import HUB, WEIGHTS
from pixelcnn.store.shown import find_shown
from pixelcnn.ui.executor import ModelExecutor
from pixelcnn.ui.page import build_page, launch_options
from pixelcnn.ui.quick_gradio import gradio as gr
from pixelcnn.ui.service import Service

# After each call Gradio sums up the last 10,000, in 6 to 15 ms, for figures in its panel that nobody needs.
UNCOUNTED = {"GRADIO_ANALYTICS_CACHE_FREQUENCY": str(2**31), "GRADIO_ANALYTICS_MAX_EVENTS": "1"}


def make_page(weights: str, notice: str | None = None) -> gr.Blocks:
    """The page on these models, the default one warmed up by one digit.

    Of several models those that the page cannot show are left out, and it says so.

    Args:
        weights: as `find_models` takes them.
        notice: shown on the page.

    Raises:
        OSError, ValueError: in one sentence, if there is no model that the page can show.
    """
    executor = ModelExecutor()
    holder = TemporaryDirectory(prefix="pixelcnn-")
    atexit.register(holder.cleanup)
    folders, models, refusals = executor.wait_for(find_shown, [weights], Path(holder.name))
    if refusals:
        print(*refusals, sep="\n", file=sys.stderr)
    executor.wait_for(pixelcnn.generate, next(iter(models.values())), 1, seed=0)
    sentences = [*([notice] if notice else []), *refusals]
    return build_page(Service(models, executor), folders, notice=" ".join(sentences) or None)


def page_on(weights: str) -> gr.Blocks:
    """The page on these models; on those of the package, and saying so, if the Hub does not have them.

    Raises:
        OSError, ValueError: in one sentence, if there are none here.
    """
    try:
        return make_page(weights)
    except (OSError, ValueError) as error:
        if not weights.startswith(HUB):
            raise
        notice = f"{error} This page runs on the weights that came with it."
        print(notice, file=sys.stderr)
        return make_page(str(WEIGHTS), notice)


def check_port(port: int | None) -> None:
    """Refuse a port that cannot be had, before the models are loaded.

    Raises:
        ValueError: in one sentence, if there is no such port.
        OSError: in one sentence, if another program has it, or it takes more rights.
    """
    if port is None:
        return
    if not 1 <= port <= 65_535:
        raise ValueError(f"--port must be 1 to 65535, got {port}.")
    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise OSError(
            f"Port {port} cannot be had, as another program has it or it takes more rights: give another"
            " --port, or leave it out."
        ) from error


def main() -> None:
    """Serve the page."""
    parser = argparse.ArgumentParser(
        description="Sample digits, watch one appear, draw the top of one and have it completed."
    )
    parser.add_argument(
        "--weights",
        default=os.environ.get("PIXELCNN_WEIGHTS") or str(WEIGHTS),
        help="folder of a model, of a run, or of several; or hf://NAMESPACE/NAME[@REVISION];"
        " default: PIXELCNN_WEIGHTS, or the models of the package",
    )
    parser.add_argument("--port", type=int, help="7860, or the next free one, if not given")
    parser.add_argument("--threads", type=int, metavar="N", help=THREADS_HELP)
    flags = parser.parse_args()
    os.environ.update(UNCOUNTED)
    with one_sentence():
        set_threads(flags.threads)
        check_port(flags.port)
        page_on(flags.weights).launch(server_port=flags.port, **launch_options())
