"""What `bench.hands` shows to a model: test digits drawn by known hands, letters and scribbles."""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from pixelcnn.data.datasets import Images, draw_freehand
from pixelcnn.data.freehand import (
    Hand,
    draw,
    keep_on_pad,
    paint_greys,
    trace,
)
from pixelcnn.data.freehand.hand import PAGE_PEN, THIN

# How the test digits are drawn: the fields in which each `Hand` differs from the plain one.
HANDS: dict[str, dict[str, float]] = {
    "as MNIST has them": {},
    "2 px left": {"shift_x": -2},
    "2 px right": {"shift_x": 2},
    "2 px up": {"shift_y": -2},
    "2 px down": {"shift_y": 2},
    "4 px right": {"shift_x": 4},
    "4 px up": {"shift_y": -4},
    "80 % of the size": {"scale_x": 0.8, "scale_y": 0.8},
    "120 % of the size": {"scale_x": 1.2, "scale_y": 1.2},
    "140 % of the size": {"scale_x": 1.4, "scale_y": 1.4},
    "thinner": {"growth": -0.5},
    "thicker": {"growth": 0.8},
    "page's pen, 140 %": {"scale_x": 1.4, "scale_y": 1.4, "redrawn": True, "pen": PAGE_PEN},
    "page's pen, 120 %, 3 px right, 1 px up": {
        "scale_x": 1.2,
        "scale_y": 1.2,
        "shift_x": 3,
        "shift_y": -1,
        "redrawn": True,
        "pen": PAGE_PEN,
    },
}
RANDOM = "random hands"

# Strokes of capital letters that are no digits, (x, y) in a box of width and height 1, y downwards.
LETTERS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "A": (((0, 1), (0.5, 0), (1, 1)), ((0.2, 0.62), (0.8, 0.62))),
    "B": (
        ((0, 1), (0, 0), (0.6, 0.03), (0.85, 0.15), (0.85, 0.33), (0.6, 0.46), (0, 0.48)),
        ((0.6, 0.47), (0.95, 0.6), (0.95, 0.85), (0.65, 0.98), (0, 1)),
    ),
    "E": (((0.9, 0), (0, 0), (0, 1), (0.95, 1)), ((0, 0.48), (0.75, 0.48))),
    "F": (((0, 1), (0, 0), (0.95, 0)), ((0, 0.45), (0.75, 0.45))),
    "H": (((0, 0), (0, 1)), ((1, 0), (1, 1)), ((0, 0.5), (1, 0.5))),
    "K": (((0, 0), (0, 1)), ((0.95, 0), (0, 0.55)), ((0.25, 0.4), (1, 1))),
    "M": (((0, 1), (0.1, 0), (0.5, 0.65), (0.9, 0), (1, 1)),),
    "N": (((0, 1), (0, 0), (1, 1), (1, 0)),),
    "R": (
        ((0, 1), (0, 0), (0.6, 0.02), (0.88, 0.14), (0.88, 0.36), (0.6, 0.5), (0, 0.52)),
        ((0.4, 0.52), (1, 1)),
    ),
    "T": (((0, 0), (1, 0)), ((0.5, 0), (0.5, 1))),
    "W": (((0, 0), (0.25, 1), (0.5, 0.3), (0.75, 1), (1, 0)),),
    "X": (((0, 0), (1, 1)), ((1, 0), (0, 1))),
}
LETTER_BOX = (16.0, 20.0)  # pixels, about as large as MNIST's digits
SCRIBBLE_POINTS = 96
SCRIBBLE_WAVES = 6


def drawn_digits(images: Images, seed: int) -> Iterator[tuple[str, Images]]:
    """The test digits as each hand of the table draws them, and as random hands do.

    Args:
        images: as the dataset has them.
        seed: of the random hands.

    Yields:
        the name of the hand, and the digits, all on the pad.
    """
    strokes = trace(images.greys)
    for name, changes in HANDS.items():
        hand = Hand.plain(len(images), "cpu", **changes)
        thinnest = ((THIN - strokes.widths) / 2).clamp(max=0)  # people draw no broken strokes
        hand = replace(hand, growth=hand.growth.maximum(thinnest))
        if changes:
            hand = keep_on_pad(images.greys, strokes, hand)
        yield name, Images(draw(images.greys, strokes, hand), images.labels)
    yield RANDOM, draw_freehand(images, torch.Generator().manual_seed(seed))


def draw_letters(count: int, seed: int) -> tuple[Tensor, list[str]]:
    """The letters in turn, by random hands.

    Args:
        count: N.
        seed: of the hands.

    Returns:
        greys, (N, 1, 28, 28) uint8, and the names of the letters.
    """
    models = torch.cat([_letter(strokes) for strokes in LETTERS.values()])
    index = torch.arange(count) % len(models)
    drawn = draw_freehand(Images(models[index], index), torch.Generator().manual_seed(seed))
    names = list(LETTERS)
    return drawn.greys, [names[k] for k in index.tolist()]


def _letter(strokes: tuple[tuple[tuple[float, float], ...], ...]) -> Tensor:
    """Greys (1, 1, 28, 28) of a letter in the middle."""
    pairs = [pair for points in strokes for pair in pairwise(points)]
    box = torch.tensor(LETTER_BOX)
    segments = (torch.tensor(pairs) - 0.5) * box + 14
    return paint_greys(segments[None], torch.tensor([2.5]))


def draw_scribbles(count: int, seed: int) -> Tensor:
    """Smooth random curves by pens of all widths: sums of waves, in boxes of random sides and places.

    Args:
        count: N.
        seed: of the curves.

    Returns:
        greys, (N, 1, 28, 28) uint8.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    time = torch.linspace(0, 1, SCRIBBLE_POINTS)
    wave = torch.arange(1, SCRIBBLE_WAVES + 1)[:, None]
    size, phase = (
        uniform(-1, 1, 2, SCRIBBLE_WAVES, 1),
        uniform(0, 2 * math.pi, 2, SCRIBBLE_WAVES, 1),
    )
    curve = (size * (math.pi * wave * time + phase).sin()).sum(2)  # (N, 2, points)
    low, high = curve.amin(2, keepdim=True), curve.amax(2, keepdim=True)
    pen = torch.where(uniform(0, 1) < 0.5, PAGE_PEN, uniform(1.0, 4.0))
    room = 28 - pen[:, None, None]
    side = room * uniform(0.5, 1.0, 2, 1)
    corner = pen[:, None, None] / 2 + (room - side) * uniform(0, 1, 2, 1)
    points = (corner + side * (curve - low) / (high - low)).mT  # (N, points, 2)
    return paint_greys(torch.stack([points[:, :-1], points[:, 1:]], 2), pen)


def top_rows(ink: Tensor) -> Tensor:
    """How many rows of each drawing are given.

    That is half of the rows; where less than a third of the ink lies there, as many as hold half of it.

    Args:
        ink: (N, 1, H, W) integers, 1 is ink.

    Returns:
        (N,) int64.

    Example:
        >>> ink = torch.zeros(2, 1, 6, 1, dtype=torch.long)
        >>> ink[0, 0, 1:5], ink[1, 0, 3:] = 1, 1
        >>> top_rows(ink).tolist()
        [3, 5]
    """
    half = ink.shape[2] // 2
    below = ink.sum((1, 3)).cumsum(1)  # (N, H), of this row and all above it
    total = below[:, -1]
    needed = (2 * below < total[:, None]).sum(1) + 1
    return torch.where(3 * below[:, half - 1] < total, needed, half)
