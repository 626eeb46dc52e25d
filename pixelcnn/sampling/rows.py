"""The networks row by row: the arithmetic of `density/networks.py` as sampling needs it.

`above` computes, once a row, everything that depends on earlier rows; `row` then maps any guess of the
row to its logits, as often as the sampler likes. Convolutions are products of a matrix with what their
kernels read, gathered; at small batches much of the time is that of calling operations, so buffers and
the views into them are made once, each product adds to what is there, and the loops are `scripted`.
"""

from typing import Protocol

from torch import Tensor

from pixelcnn.density.networks import GatedNetwork
from pixelcnn.density.prefix import KnownRows, Network
from pixelcnn.sampling.gated_rows import GatedRows
from pixelcnn.sampling.residual_rows import ResidualRows


class Rows(Protocol):
    """One sweep over a batch of images from top to bottom, row by row.

    Columns come first, (W, B, features), so that a shifted row, or a part of one, is contiguous.
    """

    def above(self) -> None:
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


def start_rows(
    network: Network,
    x: Tensor,
    label: Tensor | None,
    height: int,
    known: KnownRows | None = None,
) -> Rows:
    """Start a sweep below given rows.

    Args:
        network: whose weights are used.
        x: (B, rows, W, C) network input of the given rows, of which there may be none.
        label: (B,) or None.
        height: rows of the whole image.
        known: what the network makes of those rows, if all images begin with the same that were read before.
    """
    if isinstance(network, GatedNetwork):
        return GatedRows(network, x, label, height, known)
    return ResidualRows(network, x, label, height, known)
