"""Masks of given pixels, as people leave parts of a digit: what the any-part training draws.

A mask is bool (B, 1, H, W), true where a pixel is given. The kinds:

    half-plane   one side of a line at any angle is given; most lines run along the axes
    box          all but a box is given, or the box alone
    eraser       all but the path of a round eraser is given
    ink          the ink of one side of a line is given, and no paper
    strokes      a part of the strokes is given, as far as a pen has drawn them, with or without the paper
                 along their sides
    scattered    single pixels are given
    nothing      no pixel is given

Trained on what will be asked for alone (MAC, Shih et al. 2022, arXiv:2205.13554). Half-planes above a line
along a row are left out: there the model is exact without a conditioner.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelcnn.data.freehand.strokes import thin

ERASER = (4.0, 12.0)  # pixels: diameter of the eraser
ERASER_POINTS = 4  # corners of its path
SHARES = (0.08, 1.0)  # of the strokes that a pen has drawn
SIDES = 0.4  # of the drawings of strokes have paper given along their sides
SPOTS = 0.25  # of the drawings without paper have some round spots of it given
OPEN_END = 2  # pixels around missing ink where no paper is given
PEN_REACH = 5  # pixels from the centre line of a stroke to its edge, at most


def draw_masks(levels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a mask for each image, of a random kind.

    Args:
        levels: (B, C, H, W) integers; above 0 is ink.
        generator: on the CPU.

    Returns:
        (B, 1, H, W) bool, on the device of `levels`.

    Example:
        >>> ink = torch.zeros(3, 1, 28, 28, dtype=torch.long)
        >>> ink[:, :, 4:24, 13:15] = 1
        >>> draw_masks(ink, torch.Generator().manual_seed(0)).shape
        torch.Size([3, 1, 28, 28])
    """
    ink = (levels > 0).any(1).cpu()
    shares = torch.tensor([share for share, _ in KINDS])
    kind = torch.multinomial(shares, len(ink), replacement=True, generator=generator)
    masks = torch.zeros_like(ink)
    for number, (_, draw) in enumerate(KINDS):
        some = (kind == number).nonzero()[:, 0]
        if len(some):
            masks[some] = draw(ink[some], generator)
    return masks[:, None].to(levels.device)


def half_planes(ink: Tensor, generator: torch.Generator) -> Tensor:
    """One side of a line through the middle part of the image, (B, H, W) bool."""
    batch, height, width = ink.shape
    quarter = torch.randint(0, 3, (batch,), generator=generator)  # given: left, right or bottom
    angle = (quarter + 1) * (torch.pi / 2)
    tilted = _uniform(batch, 0, 1, generator) < 0.35
    angle = torch.where(tilted, _uniform(batch, 0, 2 * torch.pi, generator), angle)
    offset = _uniform(batch, -0.35, 0.35, generator)
    y, x = _grid(height, width)
    across = y * angle.cos()[:, None, None] + x * angle.sin()[:, None, None]
    return across < offset[:, None, None]


def boxes(ink: Tensor, generator: torch.Generator) -> Tensor:
    """All but a box; in one image of five the box alone, (B, H, W) bool."""
    batch, height, width = ink.shape
    side = _uniform((batch, 2), 0.2, 0.75, generator)
    centre = _uniform((batch, 2), -0.3, 0.3, generator)
    y, x = _grid(height, width)
    inside = torch.ones_like(ink)
    for axis, place in enumerate((y, x)):
        inside &= (place - centre[:, axis, None, None]).abs() < side[:, axis, None, None] / 2
    alone = _uniform(batch, 0, 1, generator) < 0.2
    return inside ^ ~alone[:, None, None]


def erased(ink: Tensor, generator: torch.Generator) -> Tensor:
    """All but the path of a round eraser, which begins on ink, (B, H, W) bool."""
    batch, height, width = ink.shape
    start = _random_pixel(ink, generator)
    steps = 9 * torch.randn(batch, ERASER_POINTS - 1, 2, generator=generator)
    corners = torch.cat([start[:, None], start[:, None] + steps.cumsum(1)], 1)
    used = torch.randint(1, ERASER_POINTS, (batch, 1), generator=generator)
    last = torch.arange(ERASER_POINTS).minimum(used)[..., None].expand(-1, -1, 2)
    corners = corners.gather(1, last)
    radius = _uniform(batch, *ERASER, generator) / 2
    return _distance(corners, height, width) > radius[:, None, None]


def ink_alone(ink: Tensor, generator: torch.Generator) -> Tensor:
    """The ink of one side of a line, and spots of paper in some, (B, H, W) bool."""
    side = half_planes(ink, generator)
    flip = _uniform(len(ink), 0, 1, generator) < 0.5
    given = ink & (side ^ flip[:, None, None])
    return given | _spots(ink, given, generator)


def strokes(ink: Tensor, generator: torch.Generator) -> Tensor:
    """A random part of the strokes, with the paper along their sides in some, (B, H, W) bool."""
    batch = len(ink)
    share = _uniform(batch, *SHARES, generator)
    from_start = _uniform(batch, 0, 1, generator) < 0.7
    begin = torch.where(from_start, 0.0, _uniform(batch, 0, 1, generator) * (1 - share))
    order = pen_order(ink, generator)
    given = ink & (order >= begin[:, None, None]) & (order <= (begin + share)[:, None, None])
    with_sides = (_uniform(batch, 0, 1, generator) < SIDES)[:, None, None]
    return given | torch.where(with_sides, sides(ink, given), _spots(ink, given, generator))


def scattered(ink: Tensor, generator: torch.Generator) -> Tensor:
    """Single pixels, 3 to 50 % of them, (B, H, W) bool."""
    share = _uniform(len(ink), 0.03, 0.5, generator)
    return torch.rand(ink.shape, generator=generator) < share[:, None, None]


def nothing(ink: Tensor, generator: torch.Generator) -> Tensor:
    """No pixel, (B, H, W) bool."""
    return torch.zeros_like(ink)


KINDS: tuple[tuple[float, Callable[[Tensor, torch.Generator], Tensor]], ...] = (
    (0.22, half_planes),
    (0.10, boxes),
    (0.14, erased),
    (0.17, ink_alone),
    (0.31, strokes),
    (0.04, scattered),
    (0.02, nothing),
)


def sides(ink: Tensor, given: Tensor) -> Tensor:
    """The paper next to given ink, but for the surroundings of missing ink, (B, H, W) bool."""
    return _dilate(given) & ~ink & ~_dilate(ink & ~given, OPEN_END)


def pen_order(ink: Tensor, generator: torch.Generator) -> Tensor:
    """When a pen draws each pixel of ink, 0 to 1, if it follows the centre lines from a random end.

    The centre line of each digit is followed from a random point, an end of a stroke in most digits, in all
    directions at once; then the next part that is not connected. The rest of the ink has the time of its
    nearest point of the centre line.

    Args:
        ink: (B, H, W) bool.
        generator: on the CPU.

    Returns:
        (B, H, W), infinite where there is no ink.
    """
    line = thin(F.pad(ink, (1, 1, 1, 1)))[:, 1:-1, 1:-1]
    neighbours = F.avg_pool2d(line.float()[:, None], 3, 1, 1)[:, 0] * 9 - 1
    weight = torch.rand(ink.shape, generator=generator) + (line & (neighbours < 1.5))
    inside = _uniform(len(ink), 0, 1, generator) < 0.3
    weight = torch.where(inside[:, None, None], weight % 1, weight)
    order = torch.full(ink.shape, torch.inf)
    reached = torch.zeros_like(line)
    time = 0
    while (left := line & ~reached).any():
        new = _dilate(reached) & left
        stuck = ~new.flatten(1).any(1)
        new |= _first(torch.where(left, weight, -1.0)) & left & stuck[:, None, None]
        order[new] = time
        reached |= new
        time += 1
    longest = order.masked_fill(order.isinf(), 0).flatten(1).amax(1).clamp(min=1)
    order /= longest[:, None, None]
    for _ in range(PEN_REACH):
        nearest = -F.max_pool2d(-order[:, None], 3, 1, 1)[:, 0]
        order = torch.where(ink & order.isinf(), nearest, order)
    return order


def _first(weight: Tensor) -> Tensor:
    """The place of the largest weight of each image, (B, H, W) bool."""
    place = weight.flatten(1).argmax(1, keepdim=True)
    return (
        torch.zeros_like(weight, dtype=torch.bool)
        .flatten(1)
        .scatter_(1, place, True)
        .view_as(weight)
    )


def _spots(ink: Tensor, given: Tensor, generator: torch.Generator) -> Tensor:
    """Paper in up to three round spots, in some of the images, (B, H, W) bool."""
    batch, height, width = ink.shape
    spots = torch.zeros_like(ink)
    for _ in range(3):
        centre = torch.rand(batch, 2, generator=generator) * torch.tensor([height, width])
        radius = _uniform(batch, 1, 4, generator)
        shown = _uniform(batch, 0, 1, generator) < 0.7
        spots |= _distance(centre[:, None], height, width) < (radius * shown)[:, None, None]
    some = _uniform(batch, 0, 1, generator) < SPOTS
    return spots & ~ink & some[:, None, None]


def _random_pixel(ink: Tensor, generator: torch.Generator) -> Tensor:
    """A random pixel of ink of each image, as (row, column), (B, 2); of a blank image any pixel."""
    weight = torch.rand(ink.shape, generator=generator) + ink
    place = weight.flatten(1).argmax(1)
    return torch.stack([place // ink.shape[2], place % ink.shape[2]], 1).float()


def _distance(path: Tensor, height: int, width: int) -> Tensor:
    """The distance of each pixel from a path (B, P, 2) of (row, column), (B, H, W) pixels."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([y, x], -1).view(1, 1, -1, 2).float()
    start = path[:, :-1, None] if path.shape[1] > 1 else path[:, :, None]
    along = path.diff(dim=1)[:, :, None] if path.shape[1] > 1 else torch.zeros_like(start)
    part = ((pixels - start) * along).sum(-1, keepdim=True) / along.square().sum(
        -1, keepdim=True
    ).clamp(min=1e-8)
    off = pixels - start - part.clamp(0, 1) * along
    return off.norm(dim=-1).amin(1).view(-1, height, width)


def _dilate(mask: Tensor, pixels: int = 1) -> Tensor:
    """Pixels of a mask (B, H, W) and those around them."""
    size = 2 * pixels + 1
    return F.max_pool2d(mask[:, None].to(torch.uint8).float(), size, 1, pixels)[:, 0] > 0


def _grid(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Row and column of each pixel, from -0.5 to 0.5."""
    rows = (torch.arange(height) + 0.5) / height - 0.5
    columns = (torch.arange(width) + 0.5) / width - 0.5
    return rows[:, None].expand(height, width), columns[None].expand(height, width)


def _uniform(
    shape: int | tuple[int, ...], low: float, high: float, generator: torch.Generator
) -> Tensor:
    size = (shape,) if isinstance(shape, int) else shape
    return low + (high - low) * torch.rand(size, generator=generator)
