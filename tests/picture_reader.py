"""Pictures from outside: an uploaded photo of a digit made into ink as MNIST's was."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

MAX_BYTES = 12_000_000
MAX_PIXELS = 50_000_000
WORKING_SIZE = 512  # a larger picture is reduced first
BOX = 20 / 28  # MNIST scales a digit to a box of 20x20 in 28x28
FAINT = 0.25  # of the darkest ink: what is fainter is paper

Ink = NDArray[np.float64]


def read_picture(data: object, height: int, width: int) -> list[list[int]]:
    """Find the digit in a picture, and centre it.

    As MNIST was made: the digit scaled to fit a 20x20 box, its centre of mass moved to the middle.

    Args:
        data: the file as base64, in any format that Pillow reads.
        height: of the result.
        width: of the result.

    Returns:
        H lists of W, ink 0 to 255.

    Raises:
        ValueError: in one sentence, if it is no picture, is too large, or is blank.
    """
    ink = _ink(_decode(data))
    rows, columns = np.nonzero(ink > FAINT)
    digit = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = BOX * min(height / digit.shape[0], width / digit.shape[1])
    size = (max(1, round(digit.shape[1] * scale)), max(1, round(digit.shape[0] * scale)))
    small = Image.fromarray((digit * 255).astype(np.uint8)).resize(size, Image.Resampling.BOX)
    return _centred(np.asarray(small), height, width).tolist()


def _decode(data: object) -> Image.Image:
    """The picture in greys, upright, on white where it is transparent."""
    if type(data) is not str or len(data) > MAX_BYTES * 4 // 3 + 4:
        raise ValueError(f"A picture must be base64 of at most {MAX_BYTES // 10**6} MB.")
    too_large = f"The picture is too large: at most {MAX_PIXELS // 10**6} million pixels are taken."
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
    except Image.DecompressionBombError as error:
        raise ValueError(too_large) from error
    except (ValueError, OSError) as error:
        raise ValueError(
            "This file is not a picture that can be read: try a PNG or JPEG."
        ) from error
    if picture.width * picture.height > MAX_PIXELS:
        raise ValueError(too_large)
    try:
        return _reduced(picture)
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads to
        raise ValueError("This picture is damaged: try another one.") from error


def _reduced(picture: Image.Image) -> Image.Image:
    picture.draft("L", (WORKING_SIZE, WORKING_SIZE))  # a large JPEG is decoded small
    picture = ImageOps.exif_transpose(picture)
    picture.thumbnail((WORKING_SIZE, WORKING_SIZE))
    picture = picture.convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture).convert("L")


def _ink(picture: Image.Image) -> Ink:
    """Greys as ink 0 to 1: what differs from the paper, whose shade the picture's border tells."""
    greys = np.asarray(picture, np.float64)
    border = np.concatenate([greys[0], greys[-1], greys[:, 0], greys[:, -1]])
    paper = np.median(border)
    darkest, lightest = paper - greys.min(), greys.max() - paper
    contrast = max(darkest, lightest)
    if contrast < 16:
        raise ValueError("This picture is blank: choose one of a digit.")
    ink = (paper - greys if darkest >= lightest else greys - paper) / contrast
    return np.clip(ink, 0, 1)


def _centred(digit: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Place the digit so that its centre of mass is in the middle, as far as it stays whole."""
    mass = digit.astype(np.float64)
    middle = [
        float((mass.sum(1 - axis) * np.arange(digit.shape[axis])).sum() / mass.sum())
        for axis in (0, 1)
    ]
    sheet = np.zeros((height, width), np.uint8)
    corner = [
        min(max(round((size - 1) / 2 - centre), 0), size - length)
        for size, centre, length in zip((height, width), middle, digit.shape, strict=True)
    ]
    sheet[corner[0] : corner[0] + digit.shape[0], corner[1] : corner[1] + digit.shape[1]] = digit
    return sheet
