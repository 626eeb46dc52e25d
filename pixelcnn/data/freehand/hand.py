"""How a digit is drawn: the parameters, and where they move a point of the dataset's image.

An affine map and a smooth random displacement move it (Simard et al. 2003, "Best practices for convolutional
neural networks", section 2).
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelcnn.data.freehand.strokes import Strokes
from pixelcnn.data.pixels import THRESHOLD

GRID = 4  # points each way of the smooth random displacement

# Widths of strokes in pixels.
PAGE_PEN = 2.25  # the page's pen, unless one chooses another
WIDEST_PEN = 5.0
SMALL_PEN = 3.8  # the widest pen for a digit of MNIST's size
THIN = 1.8  # greys are not thinned further
FAINT = 2.4  # thinner greys would break at a high threshold


@dataclass(frozen=True)
class Hand:
    """How B digits are drawn; every field but the displacement has the shape (B,)."""

    scale_x: Tensor  # width, as a multiple of the width in the dataset's image
    scale_y: Tensor  # height, in the same way
    slant: Tensor  # pixels to the right for each pixel upwards
    rotation: Tensor  # radians, clockwise
    shift_x: Tensor  # pixels to the right
    shift_y: Tensor  # pixels down
    displacement: (
        Tensor  # (B, 2, GRID, GRID) pixels of the dataset's image, (x, y), at points all over it
    )
    cut_x: Tensor  # centre of a disc of the dataset's image without ink
    cut_y: Tensor
    cut_radius: Tensor  # pixels of the dataset's image; 0 for no such disc
    redrawn: Tensor  # bool: the centre line is drawn with a round pen; otherwise the greys are used
    pen: Tensor  # pixels: diameter of the round pen
    growth: Tensor  # pixels, -1 to 1, by which the edges of the greys move outwards
    threshold: Tensor  # grey, 0 to 1, where the contrast of the greys is stretched
    softness: Tensor  # greys, 0 to 1, that are not yet black or white then; 1 leaves the greys as they are

    def __getitem__(self, index: Tensor) -> "Hand":
        """The hands of some of the digits."""
        return Hand(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    @classmethod
    def plain(cls, count: int, device: torch.device | str = "cpu", **changes: float) -> "Hand":
        """The hand that leaves digits as they are, but for the fields that are given.

        Args:
            count: B.
            device: where the digits are.
            changes: a value for all digits, such as `scale_x=1.4` or `redrawn=True`.
        """
        values = dict.fromkeys((field.name for field in fields(cls)), 0.0)
        values |= {"scale_x": 1.0, "scale_y": 1.0, "pen": 1.0, "threshold": 0.5, "softness": 1.0}
        hand = {k: torch.full((count,), v, device=device) for k, v in (values | changes).items()}
        hand["redrawn"] = hand["redrawn"].bool()
        hand["displacement"] = torch.zeros(count, 2, GRID, GRID, device=device)
        return cls(**hand)

    @property
    def matrix(self) -> Tensor:
        """(B, 2, 2), from positions in the dataset's image to those on the pad, both off the centre."""
        cos, sin = self.rotation.cos(), self.rotation.sin()
        x = self.scale_x[:, None] * torch.stack([cos, sin], 1)
        y = self.scale_y[:, None] * torch.stack(
            [-sin - cos * self.slant, cos - sin * self.slant], 1
        )
        return torch.stack([x, y], 2)

    @property
    def shift(self) -> Tensor:
        """(B, 2) pixels, as (x, y)."""
        return torch.stack([self.shift_x, self.shift_y], 1)


class _Random:
    """Random numbers for each of B digits, in the order in which they are asked for."""

    def __init__(self, count: int, generator: torch.Generator, device: torch.device) -> None:
        self._count, self._generator, self._device = count, generator, device

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """From low to high, (B, *shape)."""
        size = (self._count, *shape)
        random = torch.rand(size, generator=self._generator, device=self._device)
        return low + (high - low) * random

    def sometimes(self, share: float) -> Tensor:
        """True for that share of the digits, (B,)."""
        return self.uniform(0, 1) < share

    def either(self, share: float, first: Tensor, second: Tensor) -> Tensor:
        """`first` for that share of the digits, `second` for the others."""
        return torch.where(self.sometimes(share), first, second)


def random_hands(greys: Tensor, strokes: Strokes, generator: torch.Generator) -> Hand:
    """Draw a hand for each digit, so that its ink stays on the pad.

    Args:
        greys: (B, 1, H, W) uint8.
        strokes: the centre lines of these digits.
        generator: source of the draw, on the device of `greys`.

    Returns:
        hands that keep their digits on the pad: larger ones are reduced.
    """
    random = _Random(len(greys), generator, greys.device)
    uniform, sometimes, either = random.uniform, random.sometimes, random.either
    size = either(0.35, uniform(1.15, 1.45), uniform(0.6, 1.45))  # many fill the pad
    stretch = uniform(-0.07, 0.07).exp()  # of the sides' ratio: 15 % between the extremes
    pen = either(0.3, torch.full_like(size, PAGE_PEN), uniform(1.0, WIDEST_PEN))
    cut_x, cut_y = _random_cut(random, strokes)
    still = torch.zeros_like(size)
    hand = Hand(
        scale_x=size * stretch,
        scale_y=size / stretch,
        slant=uniform(-0.2, 0.2),
        rotation=torch.deg2rad(uniform(-15, 15)),
        shift_x=still,
        shift_y=still,
        displacement=uniform(0.0, 1.5, 1, 1, 1) * uniform(-1.0, 1.0, 2, GRID, GRID),
        cut_x=cut_x,
        cut_y=cut_y,
        cut_radius=sometimes(0.12) * uniform(1.5, 3.2),
        redrawn=sometimes(0.5),
        pen=pen,
        growth=sometimes(0.6) * uniform(-0.6, 1.0),
        threshold=uniform(0.35, 0.65),
        softness=uniform(0.2, 0.8),
    )
    return _place(greys, strokes, _legible(hand, strokes, size), uniform)


def _random_cut(random: _Random, strokes: Strokes) -> Tensor:
    """Where a piece may be cut out, (x, y) as (2, B): mostly at the end of a stroke, sometimes inside it."""
    weight = random.uniform(0, 1, strokes.ends.shape[1])
    weight = weight + strokes.ends * random.sometimes(0.7)[:, None]
    segment = weight.argmax(1)
    digit = torch.arange(len(segment), device=segment.device)
    return strokes.segments[digit, segment].float().mean(1).T


def _legible(hand: Hand, strokes: Strokes, size: Tensor) -> Hand:
    """The same hands with pens and contrasts that leave loops and gaps open, and no stroke broken.

    Args:
        hand: how the digits are drawn.
        strokes: the centre lines of these digits.
        size: (B,) of the digits, as multiples of their size in the dataset.
    """
    width = strokes.widths * size
    widest = (SMALL_PEN * size).clamp(max=WIDEST_PEN)  # a small digit is written with a small pen
    pen = hand.pen.minimum(widest).minimum(strokes.widest * size).clamp(min=1.0)
    growth = hand.growth.clamp((THIN - width) / 2, (widest - width) / 2).clamp(-1, 1)
    faint = width + 2 * growth < FAINT
    threshold = torch.where(faint, hand.threshold.clamp(max=0.4), hand.threshold)
    softness = hand.softness.minimum(2 * threshold).minimum(2 - 2 * threshold)  # blank stays black
    return replace(hand, pen=pen, growth=growth, threshold=threshold, softness=softness)


def _place(greys: Tensor, strokes: Strokes, hand: Hand, uniform: Callable[..., Tensor]) -> Hand:
    """Reduce what is too large for the pad, and shift each digit to somewhere on it."""
    fit, first, last = _limits(greys, strokes, hand, margin=uniform(0, 2, 1))
    return _moved(hand, fit, first + (last - first) * uniform(0, 1, 2))


def keep_on_pad(greys: Tensor, strokes: Strokes, hand: Hand) -> Hand:
    """The same hands, but what is too large for the pad is reduced, and what leaves it is shifted back."""
    fit, first, last = _limits(greys, strokes, hand, margin=torch.zeros(1, 1, device=greys.device))
    return _moved(hand, fit, hand.shift.clamp(first, last))


def _moved(hand: Hand, fit: Tensor, shift: Tensor) -> Hand:
    return replace(
        hand,
        scale_x=hand.scale_x * fit,
        scale_y=hand.scale_y * fit,
        shift_x=shift[:, 0],
        shift_y=shift[:, 1],
    )


def _limits(
    greys: Tensor, strokes: Strokes, hand: Hand, margin: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The factor (B,) that makes digits fit the pad less a margin; the ends of their shifts (B, 2)."""
    pad = torch.tensor([greys.shape[3], greys.shape[2]], device=greys.device)  # (x, y)
    low, high = _extent(greys, strokes, hand)
    edge = (1 - hand.threshold) * torch.maximum(hand.scale_x, hand.scale_y)
    reach = torch.where(hand.redrawn, hand.pen / 2, edge + hand.growth.clamp(min=0))[:, None]
    room = pad - 2 * reach - margin
    fit = (room / (high - low).clamp(min=0.1)).amin(1).clamp(max=1)
    low, high = low * fit[:, None], high * fit[:, None]
    return fit, reach - pad / 2 - low, pad / 2 - reach - high


def _extent(greys: Tensor, strokes: Strokes, hand: Hand) -> tuple[Tensor, Tensor]:
    """The least and the greatest (x, y) of centre line or ink, each (B, 2), off the pad's centre."""
    size = greys.shape[-2:]
    extent = torch.empty(2, len(greys), 2, device=greys.device)
    line, ink = hand.redrawn.nonzero()[:, 0], (~hand.redrawn).nonzero()[:, 0]
    points = move(hand[line], strokes.segments[line].float().flatten(1, 2), size)
    extent[0, line], extent[1, line] = points.amin(1), points.amax(1)
    points = move(hand[ink], centres(size, greys.device).expand(len(ink), -1, 2), size)
    blank = (greys[ink] < THRESHOLD // 2).flatten(1)[:, :, None]
    extent[0, ink] = points.masked_fill(blank, torch.inf).amin(1)
    extent[1, ink] = points.masked_fill(blank, -torch.inf).amax(1)
    low, high = extent.nan_to_num(posinf=0, neginf=0)  # of a blank image
    return low, high


def centres(size: torch.Size, device: torch.device) -> Tensor:
    """The centres of the pixels, (H * W, 2), row by row."""
    y, x = (torch.arange(n, device=device) + 0.5 for n in size)
    return torch.cartesian_prod(y, x).flip(1)


def move(hand: Hand, points: Tensor, size: torch.Size) -> Tensor:
    """Where points (B, P, 2) of the dataset's image come to be, off the pad's centre, before the shift."""
    half = torch.tensor([size[1], size[0]], device=points.device) / 2
    return (points + displacement(hand, points, half) - half) @ hand.matrix.mT


def displacement(hand: Hand, points: Tensor, half: Tensor) -> Tensor:
    """The random displacement (B, P, 2) at points of the dataset's image."""
    grid = (points / half - 1)[:, None]
    moves = F.grid_sample(
        hand.displacement, grid, mode="bicubic", padding_mode="border", align_corners=True
    )
    return moves[:, :, 0].mT
