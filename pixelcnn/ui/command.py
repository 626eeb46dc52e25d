"""Serve the page in Gradio: what `app.py` and `pixelcnn-app` run."""

import argparse
import os
import socket
import sys
from pathlib import Path

import pixelcnn
from pixelcnn.devices import THREADS_HELP, set_threads
from pixelcnn.refusals import one_sentence
from pixelcnn.store.hub import REPO_ID, fetch
from pixelcnn.store.record import read_record
from pixelcnn.ui.executor import ModelExecutor
from pixelcnn.ui.page import HOME, build_page, launch_options
from pixelcnn.ui.quick_gradio import gradio as gr
from pixelcnn.ui.service import Service

WEIGHTS = HOME / "weights"
NAMES = ("binary", "gray", "residual")  # the first found is the default

# After each call Gradio sums up the last 10,000, in 6 to 15 ms, for figures in its panel that nobody needs.
UNCOUNTED = {"GRADIO_ANALYTICS_CACHE_FREQUENCY": str(2**31), "GRADIO_ANALYTICS_MAX_EVENTS": "1"}


def find_models(weights: str) -> dict[str, Path]:
    """The folders of the models, by name: those in a folder, or the one of a Hub id.

    Raises:
        OSError, ValueError: in one sentence, if there is none.
    """
    folder = Path(weights)
    found = {name: folder / name for name in NAMES if (folder / name / "config.json").is_file()}
    if found:
        return found
    repo_id = weights.partition("@")[0]
    if folder.exists() or not REPO_ID.fullmatch(repo_id):
        raise FileNotFoundError(f"{weights} holds none of {', '.join(NAMES)}: train a model first.")
    fetched = fetch(weights)
    read_record(fetched, fetched)  # refuses what the page could not show
    return {repo_id.partition("/")[2]: fetched}


def make_page(weights: str, notice: str | None = None) -> gr.Blocks:
    """The page on these models, the default one warmed up by one digit.

    Args:
        weights: folder of model folders, or a Hub id.
        notice: shown on the page.

    Raises:
        OSError, ValueError: in one sentence, if there is no model, or one that cannot be used.
    """
    folders = find_models(weights)
    executor = ModelExecutor()
    models = {name: executor.wait_for(pixelcnn.load, path) for name, path in folders.items()}
    executor.wait_for(pixelcnn.generate, next(iter(models.values())), 1, seed=0)
    return build_page(Service(models, executor), folders, notice=notice)


def page_on(weights: str) -> gr.Blocks:
    """The page on these models; on those of this repository, and saying so, if they cannot be had.

    Raises:
        OSError, ValueError: in one sentence, if those cannot be had either.
    """
    try:
        return make_page(weights)
    except (OSError, ValueError) as error:
        if weights == str(WEIGHTS):
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
        help="folder of model folders, or ns/name[@revision] on the Hub;"
        " default: PIXELCNN_WEIGHTS, or ours",
    )
    parser.add_argument("--port", type=int, help="7860, or the next free one, if not given")
    parser.add_argument("--threads", type=int, metavar="N", help=THREADS_HELP)
    flags = parser.parse_args()
    os.environ.update(UNCOUNTED)
    with one_sentence():
        set_threads(flags.threads)
        check_port(flags.port)
        page_on(flags.weights).launch(server_port=flags.port, **launch_options())
