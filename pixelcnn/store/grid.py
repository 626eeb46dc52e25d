"""Grids of digits, as pictures."""

import numpy as np
from torch import Tensor

from pixelcnn.data.pixels import to_greys
from pixelcnn.density.model import PixelCNN
from pixelcnn.refusals import extra
from pixelcnn.sampling.draw import generate

with extra("train"):
    from PIL import Image


def grid(levels: Tensor, num_levels: int, *, columns: int = 8, scale: int = 3) -> Image.Image:
    """Lay images out in a grid of crisp squares, dark ink on white.

    Args:
        levels: (B, C, H, W) integers 0..K-1, with C of 1 or 3.
        num_levels: K.
        columns: images in a row of the grid.
        scale: screen pixels to a pixel.

    Returns:
        A PIL image.
    """
    greys = 255 - to_greys(levels, num_levels).permute(0, 2, 3, 1).cpu().numpy()  # (B, H, W, C)
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
    """64 samples of any digit at temperature 1; the global random state is left alone."""
    return grid(generate(model, 64, seed=seed).levels, model.config.levels)
