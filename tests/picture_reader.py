"""A picture of a digit made into ink, in Pillow and NumPy: what `web/js/picture.js` has to compute."""

import io

import numpy as np
from PIL import Image, ImageOps

WORKING_SIZE = 512  # a larger picture is reduced first
BOX = 20 / 28  # MNIST scales a digit to a box of 20x20 in 28x28
FAINT = 0.25  # of the darkest ink: what is fainter is paper


def read_picture(data, height, width):
    """Find the digit in a picture, and centre it. Returns (H, W) ink 0 to 255.

    As MNIST was made: the digit scaled to fit a 20x20 box, its centre of mass moved to the middle.
    """
    ink = _ink(_greys(data))
    rows, columns = np.nonzero(ink > FAINT)
    digit = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = BOX * min(height / digit.shape[0], width / digit.shape[1])
    size = (max(1, round(digit.shape[1] * scale)), max(1, round(digit.shape[0] * scale)))
    small = Image.fromarray((digit * 255).astype(np.uint8)).resize(size, Image.Resampling.BOX)
    return _centred(np.asarray(small), height, width)


def _greys(data):
    """The picture in greys, upright, on white where it is transparent."""
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    picture.thumbnail((WORKING_SIZE, WORKING_SIZE))
    picture = picture.convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture).convert("L")


def _ink(picture):
    """Greys as ink 0 to 1: what differs from the paper, whose shade the picture's border tells."""
    greys = np.asarray(picture, np.float64)
    border = np.concatenate([greys[0], greys[-1], greys[:, 0], greys[:, -1]])
    paper = np.median(border)
    darkest, lightest = paper - greys.min(), greys.max() - paper
    contrast = max(darkest, lightest)
    ink = (paper - greys if darkest >= lightest else greys - paper) / contrast
    return np.clip(ink, 0, 1)


def _centred(digit, height, width):
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
