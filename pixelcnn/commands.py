"""The commands of an installed package. Each needs an extra, and says so where that is missing."""

import importlib
import sys

from pixelcnn.refusals import ExtraMissing


def app() -> None:
    """`pixelcnn-app`: serve the page in Gradio."""
    _run("pixelcnn.ui.command")


def calibrate() -> None:
    """`pixelcnn-calibrate`: measure what is usual."""
    _run("pixelcnn.calibrate")


def evaluate() -> None:
    """`pixelcnn-evaluate`: measure likelihoods."""
    _run("pixelcnn.evaluate")


def train() -> None:
    """`pixelcnn-train`: fit a model."""
    _run("pixelcnn.training.command")


def _run(module: str) -> None:
    try:
        importlib.import_module(module).main()
    except ExtraMissing as error:
        sys.exit(str(error))
