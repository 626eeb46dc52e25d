"""Drawings that are no digit, for a model to tell digits from.

Such exposure to outliers helps to find others (Hendrycks et al. 2019, arXiv:1812.04606, section 3). A third
each are

    curves    a smooth curve through a few random points
    lines     a few straight strokes, some of them between the corners and the middles of a box
    collages  digits that are none any more: halves of two, two over each other, or one on its side
"""

import torch
from torch import Tensor

from pixelcnn.data.datasets import HANDS_TOGETHER, Images, draw_freehand
from pixelcnn.data.freehand import paint_greys
from pixelcnn.data.freehand.hand import PAGE_PEN

POINTS = (5, 13)  # of a curve, at least and at most
PIECES = 8  # straight ones, between two points of a curve
LINES = (2, 5)
PENS = (1.0, 4.0)  # pixels; half of the drawings are by the page's pen
LYING = (0, 8)  # are themselves, or nearly, on their side
TRIES = 8  # to find another digit than the first
SMALLEST = 0.35  # of the pad: a side of the box that curves and lines fill


def draw_outliers(images: Images, count: int, generator: torch.Generator) -> Tensor:
    """Draw what is no digit.

    Args:
        images: digits, (M, 1, 28, 28), that the collages are made of.
        count: N.
        generator: on the CPU.

    Returns:
        greys, (N, 1, 28, 28) uint8, in a random order: a third curves, a third lines, the others collages.

    Example:
        >>> digits = Images(torch.full((6, 1, 28, 28), 99, dtype=torch.uint8), torch.arange(6))
        >>> draw_outliers(digits, 5, torch.Generator().manual_seed(0)).shape
        torch.Size([5, 1, 28, 28])
    """
    drawn = []
    for start in range(0, count, HANDS_TOGETHER):
        some = min(HANDS_TOGETHER, count - start)
        third = some // 3
        if third:
            drawn += [_curves(third, generator), _lines(third, generator)]
        drawn.append(_collages(images, some - 2 * third, generator))
    return torch.cat(drawn)[torch.randperm(count, generator=generator)]


def _curves(count: int, generator: torch.Generator) -> Tensor:
    """Catmull-Rom splines (Catmull and Rom 1974) through random points."""
    points = torch.rand(count, POINTS[1], 2, generator=generator)
    points = _repeat_last(points, _some(POINTS, count, generator))
    before, start, end, after = (
        points[:, k : k + POINTS[1] - 3, None] for k in range(4)
    )  # (N, spans, 1, 2)
    t = torch.linspace(0, 1, PIECES + 1)[:-1, None]
    curve = 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )
    curve, pen = _fit(curve.flatten(1, 2), generator)
    return paint_greys(torch.stack([curve[:, :-1], curve[:, 1:]], 2), pen)


def _lines(count: int, generator: torch.Generator) -> Tensor:
    ends = torch.rand(count, LINES[1], 2, 2, generator=generator)  # of a line, and x, y
    snapped = torch.rand(ends.shape, generator=generator) < 0.5
    ends = torch.where(snapped, (2 * ends).round() / 2, ends)
    ends = _repeat_last(ends, _some(LINES, count, generator))
    ends, pen = _fit(ends.flatten(1, 2), generator)
    return paint_greys(ends.unflatten(1, (-1, 2)), pen)


def _collages(images: Images, count: int, generator: torch.Generator) -> Tensor:
    """Halves of two digits, two over each other, or one on its side, free-hand."""

    def some(*shape: int, below: int) -> Tensor:
        return torch.randint(below, shape, generator=generator)

    first, others = some(count, below=len(images)), some(count, TRIES, below=len(images))
    label = images.labels[first]
    another = (images.labels[others] != label[:, None]).int().argmax(1, keepdim=True)
    one, two = images.greys[first], images.greys[others.gather(1, another)[:, 0]]
    half = one.shape[-1] // 2
    ways = (
        torch.cat([one[..., :half], two[..., half:]], -1),
        torch.maximum(one, two),
        one.mT,
        one.mT.flip(3),
    )
    way = some(count, below=len(ways))
    way = torch.where(torch.isin(label, torch.tensor(LYING)), way % 2, way)
    made = torch.stack(ways)[way, torch.arange(count)]
    return draw_freehand(Images(made, label), generator).greys


def _some(limits: tuple[int, int], count: int, generator: torch.Generator) -> Tensor:
    low, high = limits
    return torch.randint(low, high + 1, (count,), generator=generator)


def _repeat_last(parts: Tensor, used: Tensor) -> Tensor:
    """Of each drawing's parts (N, P, ...) the first `used`, and the last of these in place of the others."""
    place = torch.arange(parts.shape[1]).minimum(used[:, None] - 1)
    return parts[torch.arange(len(parts))[:, None], place]


def _fit(points: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Points (N, P, 2) in a random box on the pad, in pixels; and a pen (N,) for each."""

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(len(points), *shape, generator=generator)

    pen = torch.where(uniform(0, 1) < 0.5, PAGE_PEN, uniform(*PENS))
    room = 28 - pen[:, None, None]
    side = room * uniform(SMALLEST, 1, 1, 2)
    corner = pen[:, None, None] / 2 + (room - side) * uniform(0, 1, 1, 2)
    low, high = points.amin(1, keepdim=True), points.amax(1, keepdim=True)
    return corner + side * (points - low) / (high - low).clamp(min=1e-6), pen
