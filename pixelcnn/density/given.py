"""Masks of given pixels: bool (B, 1, H, W), true where a pixel is given, for all its channels.

`rows=14` is a short way to write the mask of the first 14 rows.
"""

import torch
from torch import Tensor


def rows_mask(rows: int, height: int, width: int) -> Tensor:
    """The mask of the first rows, (1, 1, H, W)."""
    return (torch.arange(height, device="cpu") < rows)[None, None, :, None].expand(
        1, 1, height, width
    )


def check_given(given: Tensor, levels: Tensor) -> Tensor:
    """The mask of each image, (B, 1, H, W), on the device of `levels`.

    Args:
        given: bool, (B, 1, H, W) or a shape that broadcasts to it.
        levels: (B, C, H, W).

    Raises:
        ValueError: in one sentence, if it is of another type or shape.
    """
    if not isinstance(given, Tensor) or given.dtype != torch.bool:
        kind = given.dtype if isinstance(given, Tensor) else type(given).__name__
        raise ValueError(
            f"given must be a tensor of bool, true where a pixel is given, got {kind}."
        )
    batch, _, height, width = levels.shape
    shape = (batch, 1, height, width)
    try:
        return given.to(levels.device).expand(shape)
    except RuntimeError:
        raise ValueError(
            f"given must have shape {shape}, or broadcast to it, got {tuple(given.shape)}."
        ) from None


def are_first_rows(given: Tensor) -> Tensor:
    """Whether the first rows are given, whole, and nothing else: (B, 1, H, W) -> (B,) bool."""
    height, width = given.shape[2:]
    rows = given.all(3).sum(2)[..., None, None]  # (B, 1, 1, 1)
    first = torch.arange(height, device=given.device)[:, None] < rows
    return (given == first.expand(-1, -1, -1, width)).flatten(1).all(1)


def first_rows(given: Tensor) -> int | None:
    """How many rows are given, if each mask is that of as many first rows; None if some are not."""
    if not len(given) or not are_first_rows(given).all():
        return None
    rows = given[:, 0, :, 0].sum(1)
    return int(rows[0]) if bool((rows == rows[0]).all()) else None


def rows_reached(given: Tensor) -> Tensor:
    """How many rows a conditioner's terms reach: down to the last that holds a given pixel.

    Below it the network alone is exact, as all that is given comes earlier in raster order.

    Args:
        given: (B, 1, H, W).

    Returns:
        (B,), 0 to H.
    """
    rows = given.any(3).any(1)  # (B, H)
    numbers = torch.arange(1, rows.shape[1] + 1, device=given.device)
    return (rows * numbers).amax(1)
