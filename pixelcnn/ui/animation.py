"""A digit drawn pixel by pixel, as an animated GIF."""

import base64
import io

import numpy as np
from PIL import Image
from torch import Tensor

from pixelcnn.data.pixels import to_greys

SCALE = 8
FRAME_MS = 20  # the shortest that browsers honour
HOLD_MS = 2500  # the whole digit, before it starts again
PAPER, COOL, WARM = (255, 255, 255), (29, 95, 166), (184, 72, 12)
STEPS = 127  # shades of each ink; with the paper they fit one palette


def gif(levels: Tensor, count: int, *, rows: int) -> str:
    """Animate an image, the rows given first.

    Args:
        levels: (H, W) integers 0..K-1.
        count: K.
        rows: given, shown from the start in the cool ink.

    Returns:
        The file as base64.
    """
    shades = to_greys(levels, count).numpy().astype(np.int64) * STEPS // 255
    indices = np.where(shades > 0, shades, 0)
    indices[rows:] += np.where(shades[rows:] > 0, STEPS, 0)
    height, width = indices.shape
    canvas = np.zeros(height * width, np.uint8)
    canvas[: rows * width] = indices.flat[: rows * width]
    frames, times = [_frame(canvas, (height, width))], [FRAME_MS]
    for k in range(rows * width, height * width):
        if not indices.flat[k]:
            times[-1] += FRAME_MS  # nothing changes: the last frame stays
            continue
        canvas[k] = indices.flat[k]
        frames.append(_frame(canvas, (height, width)))
        times.append(FRAME_MS)
    times[-1] += HOLD_MS
    file = io.BytesIO()
    frames[0].save(
        file, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=False
    )
    return base64.b64encode(file.getvalue()).decode()


def _frame(canvas: np.ndarray, shape: tuple[int, int]) -> Image.Image:
    large = canvas.reshape(shape).repeat(SCALE, 0).repeat(SCALE, 1)
    picture = Image.fromarray(large, "P")
    picture.putpalette(_PALETTE)
    return picture


def _shades(ink: tuple[int, int, int]) -> list[int]:
    """From nearly paper to full ink."""
    mix = np.linspace(1 / STEPS, 1, STEPS)[:, None]
    return (np.array(PAPER) * (1 - mix) + np.array(ink) * mix).round().astype(int).ravel().tolist()


_PALETTE = [*PAPER, *_shades(COOL), *_shades(WARM)]
