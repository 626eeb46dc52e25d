"""What a sweep knows of the rows above the one that it draws: their input, and features of given ones."""

from collections.abc import Iterable

import torch
from torch import Tensor

from pixelcnn.density.conditioner import Conditioner
from pixelcnn.density.networks import GatedNetwork, ResidualNetwork
from pixelcnn.sampling.blank import BlankRows


class InputRows:
    """Network input of all rows so far, padded for a first layer whose kernels reach r pixels.

    Args:
        x: (B, rows, W, C) of the given rows; there may be none.
        height: rows of the whole image.
        reach: r.
    """

    def __init__(self, x: Tensor, height: int, reach: int) -> None:
        batch, self.count, width, channels = x.shape  # count: of rows, so the index of the next one
        self._reach = reach
        self._padded = x.new_zeros(reach + height, width + 2 * reach, batch, channels)
        self._padded[reach : reach + self.count, reach:-reach] = x.permute(1, 2, 0, 3)

    def rows_above(self) -> Tensor:
        """What the kernels of the next row read of the rows above it, (W * B, r * (2r + 1) * C)."""
        r = self._reach
        window = self._padded[self.count : self.count + r].unfold(1, 2 * r + 1, 1)
        return window.permute(1, 2, 0, 4, 3).flatten(2).flatten(0, 1)

    def push(self, x: Tensor) -> None:
        """Append a row (W, B, C)."""
        self._padded[self._reach + self.count, self._reach : -self._reach] = x
        self.count += 1


class Ring:
    """The last d rows of what a convolution dilated by d reads, and the current one, padded by d columns.

    Row i is in slot i modulo `size`.
    """

    def __init__(self, like: Tensor, dilation: int, width: int) -> None:
        self.size = dilation + 1
        self.rows = like.new_zeros(self.size, width + 2 * dilation, *like.shape[1:])
        self.inner = [row[dilation : dilation + width] for row in self.rows]
        # The three views (W, B, D) that a kernel of three columns reads of the current row in a slot, and of
        # the row d above it.
        self.current = [[row[k * dilation :][:width] for k in range(3)] for row in self.rows]
        self.rows_above = [self.current[(slot + 1) % self.size] for slot in range(self.size)]


def fill_rings(rings: list[Ring], rows: int, features: Iterable[Tensor], which: Tensor) -> None:
    """Take what the convolution of each block reads of given rows, by image: see `given_features`."""
    for feature, ring in zip(features, rings, strict=True):
        for i in range(max(0, rows - ring.size + 1), rows):
            ring.inner[i % ring.size].copy_(feature[which, i].transpose(0, 1))


def given_features(
    network: GatedNetwork | ResidualNetwork,
    x: Tensor,
    condition: Tensor | None,
    blank: BlankRows | None,
) -> tuple[Iterable[Tensor], Tensor]:
    """What the convolutions of given rows read, once for each distinct image and condition.

    Args:
        network: whose weights are used.
        x: (B, rows, W, C) network input, at least one row.
        condition: (B,) or None.
        blank: of the same network, if the rows are blank in all images.

    Returns:
        the features (G, rows, W, D) of each block, and which of the G each image has (B,).
    """
    if blank is not None:
        index = blank.index(condition, len(x))
        return blank.features, index
    first, which = distinct(x, condition)
    features: list[Tensor] = []
    network(x[first], None if condition is None else condition[first], read=features)
    return features, which


def steered_features(
    network: GatedNetwork,
    conditioner: Conditioner,
    x: Tensor,
    condition: Tensor | None,
    features: Tensor,
) -> tuple[Iterable[Tensor], Tensor]:
    """`given_features` with the terms of a conditioner.

    Args:
        network, x, condition: as there.
        conditioner: of the same model.
        features: of the conditioner in these rows, (B, rows, W, TERM_DIM).
    """
    first, which = distinct(x, condition, features)
    condition = None if condition is None else condition[first]
    read: list[Tensor] = []
    network(x[first], condition, read=read, terms=conditioner.terms(features[first]))
    return read, which


def distinct(
    x: Tensor, condition: Tensor | None, features: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Find the given rows that differ, or whose condition or features do: completions of one image have few.

    Args:
        x: (B, rows, W, C), with at least one row.
        condition: (B,) or None.
        features: (B, rows, W, F) or None.

    Returns:
        an image of each of the G that differ, (G,), and which of the G each image is, (B,).
    """
    keys = [x.flatten(1)]
    if condition is not None:
        keys.append(condition[:, None].to(x.dtype))
    if features is not None:
        keys.append(features.flatten(1))
    _, which = torch.unique(torch.cat(keys, 1), dim=0, return_inverse=True)
    some = torch.arange(len(x), device=x.device)
    return some.new_empty(int(which.max()) + 1).scatter_(0, which, some), which
