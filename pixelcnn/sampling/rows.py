"""The networks row by row: the arithmetic of `networks.py` as sampling needs it.

`prepare_row` computes, once a row, everything that depends on earlier rows; `row` then maps any guess of
the row to its logits, as often as the sampler likes. Convolutions are products of a matrix with what their
kernels read, gathered; at small batches much of the time is that of calling operations, so buffers and
the views into them are made once, each product adds to what is there, and the loops are `scripted`.
"""

from typing import Protocol

from torch import Tensor

from pixelcnn.density.networks import GatedNetwork, ResidualNetwork
from pixelcnn.sampling.blank import BlankRows
from pixelcnn.sampling.gated_rows import GatedRows, GatedRowWeights
from pixelcnn.sampling.residual_rows import ResidualRows, ResidualRowWeights

RowWeights = GatedRowWeights | ResidualRowWeights


class Rows(Protocol):
    """One sweep over a batch of images from top to bottom, row by row.

    Columns come first, (W, B, features), so that a shifted row, or a part of one, is contiguous.
    """

    def prepare_row(self) -> None:
        """Compute, once, what the next row takes from all rows above it."""
        ...

    def row(self, x: Tensor, part: Tensor | None = None) -> Tensor:
        """Logits of the next row for a guess of its pixels, in images `part` (n,), or in all.

        Shape (W, n, C) -> (W, n, out): pixel j depends on x left of j, and on rows above.
        """
        ...

    def push(self, x: Tensor) -> None:
        """Append the row (W, B, C) as it is in the end: for every image its last guess."""
        ...


def row_weights(network: GatedNetwork | ResidualNetwork) -> RowWeights:
    """The weights of a network in the order that rows need."""
    if isinstance(network, GatedNetwork):
        return GatedRowWeights(network)
    return ResidualRowWeights(network)


def start_rows(
    weights: RowWeights,
    x: Tensor,
    condition: Tensor | None,
    height: int,
    blank: BlankRows | None = None,
) -> Rows:
    """Start a sweep below given rows.

    Args:
        weights: of the network.
        x: (B, rows, W, C) network input of the given rows; there may be none.
        condition: (B,) or None.
        height: rows of the whole image.
        blank: of the same network, if the given rows are blank in all images.
    """
    if isinstance(weights, GatedRowWeights):
        return GatedRows(weights, x, condition, height, blank)
    return ResidualRows(weights, x, condition, height, blank)
