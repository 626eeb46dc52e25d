"""Arrays to images: grids of digits, and plots of losses."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from pixelcnn.model import PixelCNN
from pixelcnn.pixels import to_greys
from pixelcnn.sampling import generate


def grid(levels: Tensor, count: int, *, columns: int = 8, scale: int = 3) -> Image.Image:
    """Lay images out in a grid of crisp squares, dark ink on white.

    Args:
        levels: (B, C, H, W) integers 0..K-1, with C of 1 or 3.
        count: K.
        columns: images in a row of the grid.
        scale: screen pixels to a pixel.

    Returns:
        A PIL image.
    """
    greys = 255 - to_greys(levels, count).permute(0, 2, 3, 1).cpu().numpy()  # (B, H, W, C)
    images, height, width, channels = greys.shape
    rows = -(-images // columns)
    gap = 2
    cell = (height + gap, width + gap)
    sheet = np.full((rows * cell[0] + gap, columns * cell[1] + gap, channels), 232, np.uint8)
    for k, image in enumerate(greys):
        top, left = gap + k // columns * cell[0], gap + k % columns * cell[1]
        sheet[top : top + height, left : left + width] = image
    picture = Image.fromarray(sheet[..., 0] if channels == 1 else sheet)
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def sample_grid(model: PixelCNN, seed: int) -> Image.Image:
    """64 samples of any digit at temperature 1; no other random draw is disturbed."""
    return grid(generate(model, 64, seed=seed).levels, model.config.levels)


def save_loss_curves(history: list[dict[str, Any]], path: Path) -> None:
    """Draw training and validation loss in nats per image against the epoch, as PNG."""
    from matplotlib.figure import Figure  # slow to import, and the page does without it
    from matplotlib.ticker import MaxNLocator

    epochs = [entry["epoch"] for entry in history]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for split in ("train", "validation"):
        nats = [entry[f"{split}_nats_per_image"] for entry in history]
        axes.plot(epochs, nats, marker=".", label=split)
    # The first epochs would flatten the rest.
    settled = [entry["validation_nats_per_image"] for entry in history[len(history) // 10 :]]
    axes.set_ylim(top=max(settled) * 1.15)
    axes.set(xlabel="epoch", ylabel="nats per image")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
