"""Digits drawn by given hands."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelcnn.data.freehand.hand import Hand, centres, displacement, move
from pixelcnn.data.freehand.strokes import Strokes, check_greys


def draw(greys: Tensor, strokes: Strokes, hand: Hand) -> Tensor:
    """Draw digits by given hands.

    Args:
        greys: (B, 1, H, W) uint8.
        strokes: the centre lines of these digits.
        hand: how each is drawn.

    Returns:
        (B, 1, H, W) uint8. Ink that falls beside the pad is lost.

    Raises:
        TypeError, ValueError: in one sentence, if the greys have another type or shape.

    Example:
        >>> from pixelcnn.data.freehand import trace
        >>> greys = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
        >>> greys[:, :, 4:24, 13:15] = 255
        >>> hand = Hand.plain(1, scale_y=1.2)
        >>> int((draw(greys, trace(greys), hand) >= 128).any(3).sum())
        24
    """
    check_greys(greys)
    drawn = torch.zeros(greys.shape, device=greys.device)
    line, ink = (
        (hand.redrawn & (strokes.counts > 0)).nonzero()[:, 0],
        (~hand.redrawn).nonzero()[:, 0],
    )
    if len(line):
        drawn[line] = _draw_line(strokes[line], hand[line], greys.shape[-2:])
    if len(ink):
        drawn[ink] = _draw_ink(greys[ink], hand[ink])
    return (255 * drawn).round().to(torch.uint8)


def _cut(hand: Hand, points: Tensor) -> Tensor:
    """The distance of points (B, P, 2) of the dataset's image from the disc without ink, (B, P)."""
    centre = torch.stack([hand.cut_x, hand.cut_y], 1)[:, None]
    distance = (points - centre).norm(dim=2) - hand.cut_radius[:, None]
    return torch.where(hand.cut_radius[:, None] > 0, distance, torch.inf)


def _draw_line(strokes: Strokes, hand: Hand, size: torch.Size) -> Tensor:
    """The centre lines by the page's round pen, (B, 1, H, W), 0 to 1."""
    segments = strokes.segments.float()
    moved = move(hand, segments.flatten(1, 2), size) + hand.shift[:, None]
    moved = moved + torch.tensor([size[1], size[0]], device=moved.device) / 2
    shown = _cut(hand, segments.mean(2)) > 0
    return _paint(moved.unflatten(1, (-1, 2)), shown, hand.pen, size)[:, None]


def _paint(segments: Tensor, shown: Tensor, pen: Tensor, size: torch.Size) -> Tensor:
    """A pixel takes as much ink as the pen covers of it, nearly: the pen's radius less its distance.

    Args:
        segments: (B, S, 2, 2) pixels, both ends as (x, y).
        shown: (B, S) bool: draw this segment.
        pen: (B,) pixels, its diameter.
        size: H, W.

    Returns:
        (B, H, W) cover, 0 to 1.
    """
    height, width = size
    start, along = segments[:, :, 0], segments[:, :, 1] - segments[:, :, 0]
    radius = (pen / 2 + 0.5)[:, None, None]
    # A window of pixels around each segment holds all that it can ink.
    corner = (segments.amin(2) - radius).floor()
    side = int((along.abs().amax((1, 2)) + 2 * radius[:, 0, 0]).amax()) + 2
    window = corner[..., None] + torch.arange(side, device=pen.device)  # (B, S, 2, side)
    x, y = window[:, :, 0].clamp(0, width - 1), window[:, :, 1].clamp(0, height - 1)
    off_x, off_y = (
        (x + 0.5 - start[:, :, :1])[:, :, None, :],
        (y + 0.5 - start[:, :, 1:])[..., None],
    )
    along_x, along_y = along[:, :, :1, None], along[:, :, 1:, None]
    square = (along_x.square() + along_y.square()).clamp(min=1e-8)
    part = (off_x * (along_x / square) + off_y * (along_y / square)).clamp(0, 1)
    distance = torch.hypot(off_x - part * along_x, off_y - part * along_y)
    cover = (radius[..., None] - distance).clamp(0, 1) * shown[:, :, None, None]
    image = torch.arange(len(pen), device=pen.device)[:, None, None, None]
    pixel = (image * height + y.long()[..., None]) * width + x.long()[:, :, None, :]
    drawn = torch.zeros(len(pen) * height * width, device=pen.device)
    drawn.scatter_reduce_(0, pixel.flatten(), cover.flatten(), "amax")
    return drawn.view(-1, height, width)


def paint_greys(segments: Tensor, pen: Tensor) -> Tensor:
    """Strokes on a pad of 28x28 pixels: segments (N, S, 2, 2), pens (N,) -> greys (N, 1, 28, 28) uint8."""
    shown = torch.ones(segments.shape[:2], dtype=torch.bool)
    cover = _paint(segments, shown, pen, torch.Size((28, 28)))
    return (255 * cover).round().to(torch.uint8)[:, None]


def _draw_ink(greys: Tensor, hand: Hand) -> Tensor:
    """The greys, moved, thinned or thickened, with more contrast, (B, 1, H, W), 0 to 1."""
    size = greys.shape[-2:]
    half = torch.tensor([size[1], size[0]], device=greys.device) / 2
    pixels = centres(size, greys.device).expand(len(greys), -1, 2)
    uncut = (_cut(hand, pixels) + 0.5).clamp(0, 1).view(greys.shape)
    source = (pixels - half - hand.shift[:, None]) @ torch.linalg.inv(hand.matrix).mT + half
    source = source - displacement(hand, source, half)
    grid = (source / half - 1).view(-1, *size, 2)
    moved = F.grid_sample(uncut * greys / 255, grid, align_corners=False)
    growth, threshold, softness = (
        t[:, None, None, None] for t in (hand.growth, hand.threshold, hand.softness)
    )
    return ((_grow(moved, growth) - threshold) / softness + 0.5).clamp(0, 1)


def _grow(cover: Tensor, growth: Tensor) -> Tensor:
    """Move the edges of the ink outwards by `growth`, (B, 1, 1, 1), -1 to 1 pixels.

    It is a part of a greyscale dilation or erosion: a share r of the way from a grey to the greatest, or
    least, of its neighbours moves an edge by r pixels.
    """
    sign = torch.where(growth < 0, -1.0, 1.0)
    signed = cover * sign
    cross = torch.maximum(
        F.max_pool2d(signed, (3, 1), 1, (1, 0)), F.max_pool2d(signed, (1, 3), 1, (0, 1))
    )
    octagon = (cross + F.max_pool2d(signed, 3, 1, 1)) / 2
    return torch.lerp(cover, sign * octagon, growth.abs())
