"""One `python app.py` for all tests of the page, on tiny models with random weights.

A process of its own: what a server leaves open at its end would warn in ours.
"""

import atexit
import functools
import io
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

import torch
from PIL import Image

import pixelcnn
from pixelcnn.hub import save

ROOT = Path(__file__).parent.parent
START_LIMIT_S = 180
SPACE = "someone/digits"


def tiny_models() -> dict[str, pixelcnn.PixelCNN]:
    torch.manual_seed(0)
    small = {"inner_dim": 4, "dilations": (1, 1)}
    configs = {
        "binary": pixelcnn.ModelConfig(num_classes=10, **small),
        "gray": pixelcnn.ModelConfig(likelihood="categorical", levels=4, **small),
        "residual": pixelcnn.ModelConfig(architecture="residual", num_classes=10, **small),
    }
    models = {name: pixelcnn.PixelCNN(config).eval() for name, config in configs.items()}
    with torch.no_grad():  # fresh weights ignore the class, and nearly the image
        for model in models.values():
            for weight in model.parameters():
                weight.add_(0.3 * torch.randn_like(weight))
    return models


@functools.cache
def server_url(*, space: bool = False) -> str:
    """With `space`, as it would run in a Hugging Face Space."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    for name, model in tiny_models().items():
        save(model, Path(folder.name) / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "app.py", "--weights", folder.name, "--port", str(port)]
    offline = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    if space:
        host = f"{SPACE.replace('/', '-')}.hf.space"
        offline |= {"SPACE_ID": SPACE, "SPACE_HOST": host, "SYSTEM": "spaces"}
    server = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **offline}, stdout=subprocess.DEVNULL
    )
    atexit.register(server.wait)
    atexit.register(server.terminate)
    url = f"http://127.0.0.1:{port}"
    wait_for(url, server)
    return url


def wait_for(url: str, server: subprocess.Popen) -> None:
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except URLError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"app.py did not answer at {url}, exit status {server.poll()}.")


def picture_of_a_one(ink="black", paper="white", kind="PNG") -> bytes:
    """A file that shows an upright bar, off the middle."""
    picture = Image.new("RGB", (120, 90), paper)
    picture.paste(ink, (20, 10, 32, 60))
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()
