"""The centre lines of digits, as segments.

A digit is thinned at twice its size (Zhang & Suen 1984, "A fast parallel algorithm for thinning digital
patterns"). Neighbouring points of what is left are linked, and moved a little towards each other, which takes
out the steps of the pixels.
"""

from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelcnn.data.pixels import THRESHOLD

ENLARGED = 2  # the digits are thinned at so many times their size
CHUNK = 256  # images traced at once: more leave the processor's cache
SMOOTHING = 6  # rounds that take the pixels' steps out of a centre line
PENS = 6  # sizes of the pen that are tried on each centre line


@dataclass(frozen=True)
class Strokes:
    """The centre lines of N digits.

    Digits of fewer than S segments repeat the first, which changes no drawing.
    """

    segments: Tensor  # (N, S, 2, 2) float16, pixels: both ends as (x, y)
    counts: Tensor  # (N,) int64: segments that are no repetition; 0 for a digit without ink
    ends: Tensor  # (N, S) bool: a stroke begins or ends with this segment
    widths: Tensor  # (N,) pixels: the mean width of the digit's strokes
    widest: Tensor  # (N,) pixels: the widest pen that closes no loop and no gap of the centre line

    def __getitem__(self, index: Tensor) -> "Strokes":
        """The strokes of some of the digits, without columns that none of them needs."""
        counts = self.counts[index]
        longest = max(1, int(counts.max())) if len(counts) else 1
        return Strokes(
            segments=self.segments[index, :longest],
            counts=counts,
            ends=self.ends[index, :longest],
            widths=self.widths[index],
            widest=self.widest[index],
        )


def trace(greys: Tensor) -> Strokes:
    """Find the centre lines of digits.

    Args:
        greys: (N, 1, H, W) uint8.

    Raises:
        TypeError, ValueError: in one sentence, if the greys have another type or shape.
    """
    check_greys(greys)
    chunks = [_trace(chunk) for chunk in greys.split(CHUNK)]
    longest = max((part.ends.shape[1] for part in chunks), default=1)
    padded = [_pad(part, longest) for part in chunks]
    return Strokes(*(torch.cat([getattr(p, f.name) for p in padded]) for f in fields(Strokes)))


def _pad(strokes: Strokes, count: int) -> Strokes:
    """Repeat the first segment, until there are `count` for each digit."""
    index = torch.arange(count, device=strokes.ends.device)
    index = torch.where(index < strokes.ends.shape[1], index, 0)
    return replace(strokes, segments=strokes.segments[:, index], ends=strokes.ends[:, index])


def _trace(greys: Tensor) -> Strokes:
    big = F.interpolate(greys.float(), scale_factor=ENLARGED, mode="bicubic") >= THRESHOLD
    line = thin(big[:, 0])
    image, y, x = line.nonzero(as_tuple=True)
    point = torch.stack([x + 0.5, y + 0.5], 1) / ENLARGED  # (P, 2)
    a, b = _links(line)  # (E,) and (E,): the points that a segment links
    degree = torch.bincount(torch.cat([a, b]), minlength=len(point))
    point = _smooth(point, a, b, degree)
    length = torch.zeros(len(greys), device=greys.device)
    length.index_add_(0, image[a], (point[a] - point[b]).norm(dim=1))
    area = big.sum((1, 2, 3)) / ENLARGED**2
    index, counts = _by_digit(image[a], len(greys))
    # One segment more, that is never drawn: for digits without strokes.
    segments = F.pad(torch.stack([point[a], point[b]], 1), (0, 0, 0, 0, 0, 1))  # (E + 1, 2, 2)
    ends = F.pad((degree[a] == 1) | (degree[b] == 1), (0, 1))
    return Strokes(
        segments=segments[index].half(),
        counts=counts,
        ends=ends[index],
        # The line ends half a width before the stroke does: area = width * (length + width).
        widths=((length**2 + 4 * area).sqrt() - length) / 2,
        widest=_widest_pen(line) / ENLARGED,
    )


def _smooth(point: Tensor, a: Tensor, b: Tensor, degree: Tensor) -> Tensor:
    """Move each point but the ends half the way to the mean of its neighbours, some times."""
    inside, neighbours = (degree > 1)[:, None], degree[:, None].clamp(min=1)
    for _ in range(SMOOTHING):
        total = torch.zeros_like(point).index_add_(0, a, point[b]).index_add_(0, b, point[a])
        point = torch.where(inside, (point + total / neighbours) / 2, point)
    return point


def _by_digit(digit: Tensor, num_digits: int) -> tuple[Tensor, Tensor]:
    """Which segments each digit has: (N, S) indices, the first repeated to fill a row, and how many, (N,).

    Args:
        digit: (E,) of each segment; a digit without segments gets the index E.
        num_digits: N.
    """
    order = digit.argsort(stable=True)
    counts = torch.bincount(digit, minlength=num_digits)
    slot = torch.arange(max(1, int(counts.max())), device=digit.device)
    slot = torch.where(slot < counts[:, None], slot, 0)
    index = (counts.cumsum(0) - counts)[:, None] + slot
    index[counts == 0] = len(order)
    return F.pad(order, (0, 1), value=len(order))[index], counts


def _widest_pen(line: Tensor) -> Tensor:
    """The widest of some pens that leaves the Euler number as it is, in pixels of `line` (N, H, W)."""
    drawn = F.pad(line, (PENS, PENS, PENS, PENS))
    fits = torch.ones(len(line), dtype=torch.bool, device=line.device)
    widest = torch.ones(len(line), device=line.device)
    for k in range(1, PENS):
        drawn = _thicken(drawn, corners=k % 2 == 0)
        euler = _euler_number(drawn)
        if k == 1:  # holes of a pixel in the centre line do not count
            first = euler
        fits &= euler == first
        widest = torch.where(fits, 2.0 * k + 1, widest)
    return widest


def _thicken(ink: Tensor, *, corners: bool) -> Tensor:
    """Dilate by the four next pixels, or by eight: in turn, they make octagons."""
    padded = F.pad(ink, (1, 1, 1, 1))
    beside = padded[:, 1:-1, :-2] | padded[:, 1:-1, 2:] | ink
    if corners:
        padded = F.pad(beside, (0, 0, 1, 1))
        return padded[:, :-2] | padded[:, 2:] | beside
    return padded[:, :-2, 1:-1] | padded[:, 2:, 1:-1] | beside


def _euler_number(ink: Tensor) -> Tensor:
    """Four times the number of parts less that of holes, (N,), by counts of 2x2 squares (Gray 1971).

    Its edges must be blank.
    """
    a, b, c, d = ink[:, :-1, :-1], ink[:, :-1, 1:], ink[:, 1:, :-1], ink[:, 1:, 1:]
    odd, diagonal = (a ^ b) ^ (c ^ d), (a & d & ~(b | c)) | (b & c & ~(a | d))
    three = odd & ((a & b) | (c & d))
    counts = (part.view(torch.int8).float().sum((1, 2)) for part in (odd, three, diagonal))
    one_or_three, three_inked, two_across = counts
    return one_or_three - 2 * three_inked - 2 * two_across


def thin(ink: Tensor) -> Tensor:
    """Thin shapes to lines of one pixel by Zhang and Suen's rules.

    Args:
        ink: (N, H, W) bool.

    Returns:
        (N, H, W) bool, a part of `ink`.
    """
    bit = torch.arange(64, device=ink.device)[:, None, None]
    words = F.pad(ink, (0, 0, 0, 0, 0, -len(ink) % 64)).unflatten(0, (-1, 64))
    words = (words.long() << bit).sum(1)  # 64 images share a word
    before = torch.zeros_like(words)
    while not torch.equal(words, before):
        before = words
        words = words & ~_removable(words, first=True)
        words = words & ~_removable(words, first=False)
    return ((words[:, None] >> bit) & 1).flatten(0, 1)[: len(ink)].bool()


def _removable(words: Tensor, *, first: bool) -> Tensor:
    """The ink that one sub-iteration takes away: on the lower right side first, then on the upper left."""
    height, width = words.shape[1:]
    padded = F.pad(words, (1, 1, 1, 1))
    clockwise = ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))  # from the north
    ring = [padded[:, y : y + height, x : x + width] for y, x in clockwise]
    once = twice = two_inked = two_blank = torch.zeros_like(words)
    for here, after in zip(ring, ring[1:] + ring[:1], strict=True):
        begins = ~here & after
        twice, once = twice | (once & begins), once | begins
        two_inked = two_inked | (here & after)
        two_blank = two_blank | ~(here | after)
    north, east, south, west = ring[::2]
    held = east & south & (north | west) if first else north & west & (east | south)
    # Inked neighbours in one run, of two at least and six at most.
    return once & ~twice & two_inked & two_blank & ~held


def _links(line: Tensor) -> tuple[Tensor, Tensor]:
    """The pairs of neighbouring points, as two lists of numbers that count the ink of `line` (N, H, W).

    Two diagonal neighbours that have a common neighbour are no pair: the line goes by way of it.
    """
    padded = F.pad(line, (1, 1, 0, 1))
    place = padded.flatten().nonzero()[:, 0]
    own = torch.arange(len(place), device=line.device)
    number = torch.full((padded.numel(),), -1, device=line.device)
    number[place] = own

    def neighbour(down: int, right: int) -> Tensor:
        return number[place + down * padded.shape[2] + right]

    pairs = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        other = neighbour(down, right)
        linked = other >= 0
        if down and right:
            linked &= (neighbour(down, 0) < 0) & (neighbour(0, right) < 0)
        pairs.append((own[linked], other[linked]))
    a, b = zip(*pairs, strict=True)
    return torch.cat(a), torch.cat(b)


def check_greys(greys: Tensor) -> None:
    """Raise a TypeError or ValueError, in one sentence, unless greys are uint8 (N, 1, H, W)."""
    if greys.dtype != torch.uint8:
        raise TypeError(f"greys must be uint8 (0 to 255), got {greys.dtype}.")
    if greys.dim() != 4 or greys.shape[1] != 1:
        raise ValueError(f"greys must have the shape (N, 1, H, W), got {tuple(greys.shape)}.")
