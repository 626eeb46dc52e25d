"""The page on tiny models with random weights: as plain files, and in one `python app.py` for all tests.

Each server is a process of its own: what one leaves open at its end would warn in ours.
"""

import atexit
import functools
import io
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

import pixelcnn
from bench.page_server import ROOT, app, files
from bench.wild import toy_models
from pixelcnn.density.reference import SHARES, Reference
from pixelcnn.store.folder import TYPICALITY, save, sha256

START_LIMIT_S = 180
SPACE = "someone/digits"


def tiny_models() -> dict[str, pixelcnn.PixelCNN]:
    return toy_models(height=28, width=28, num_classes=10)


@functools.cache
def models_folder() -> Path:
    """The tiny models as a folder of weights."""
    holder = tempfile.TemporaryDirectory()
    atexit.register(holder.cleanup)
    folder = Path(holder.name)
    for name, model in tiny_models().items():
        save(model, folder / name)
        reference = replace(usual(model), weights_sha256=sha256(folder / name))
        reference.save(folder / name / TYPICALITY)
        for told in (ROOT / "weights" / name).iterdir():  # of their training, with the pictures
            if not (folder / name / told.name).exists():
                shutil.copy(told, folder / name)
    return folder


def usual(model: pixelcnn.PixelCNN, *, up_to: float = 1e6) -> Reference:
    """A reference to which drawings of less than so many nats are usual."""
    nats = torch.linspace(0, up_to, len(SHARES)).repeat(model.config.height + 1, 1)
    return Reference(nats, model.config.freehand, images=1)


@functools.cache
def static_url() -> str:
    """The page as plain files, served by Python's own file server."""
    holder = tempfile.TemporaryDirectory()
    atexit.register(holder.cleanup)
    folder = Path(holder.name)
    for name in ("index.html", "web"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "weights").symlink_to(models_folder())
    server = ExitStack()
    atexit.register(server.close)
    return server.enter_context(files(folder))


@functools.cache
def linked_folder() -> Path:
    """The tiny models as the Hub's cache holds them: links to files elsewhere."""
    holder = tempfile.TemporaryDirectory()
    atexit.register(holder.cleanup)
    folder = Path(holder.name)
    for file in models_folder().glob("*/*"):
        (folder / file.parent.name).mkdir(exist_ok=True)
        (folder / file.parent.name / file.name).symlink_to(file)
    return folder


@functools.cache
def server_url(*, space: bool = False) -> str:
    """The page in Gradio. With `space`, as it would run in a Hugging Face Space."""
    variables = {"HF_HUB_OFFLINE": "1"}
    if space:
        host = f"{SPACE.replace('/', '-')}.hf.space"
        variables |= {"SPACE_ID": SPACE, "SPACE_HOST": host, "SYSTEM": "spaces"}
    server = ExitStack()
    atexit.register(server.close)
    return server.enter_context(app(linked_folder(), variables, limit_s=START_LIMIT_S))


def picture_of_a_one(ink="black", paper="white", kind="PNG") -> bytes:
    """A file that shows an upright bar, off the middle."""
    picture = Image.new("RGB", (120, 90), paper)
    picture.paste(ink, (20, 10, 32, 60))
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()
