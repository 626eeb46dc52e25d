"""The networks row by row: the arithmetic of `networks.py` as sampling needs it.

`prepare_row` computes, once a row, everything that depends on earlier rows. `row` then maps a guess of the
row to its logits, as often as the sampler asks. A convolution is a matrix product: what its kernel reads is
gathered first. At small batches calling an operation takes longer than its arithmetic. So buffers and the
views into them are made once, each product adds to what is there, and the loops are `scripted`.
"""

from typing import Protocol

from torch import Tensor

from pixelcnn.density.conditioner import Conditioner
from pixelcnn.density.networks import GatedNetwork, ResidualNetwork
from pixelcnn.sampling.blank import BlankRows
from pixelcnn.sampling.gated_rows import GatedRows, GatedRowWeights
from pixelcnn.sampling.residual_rows import ResidualRows, ResidualRowWeights

RowWeights = GatedRowWeights | ResidualRowWeights


class Rows(Protocol):
    """One sweep over a batch of images from top to bottom, row by row.

    Columns come first, (W, B, features): a shifted row, or a part of one, is then contiguous.
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
        """Append the row (W, B, C) as it was drawn: for every image its last guess."""
        ...

    def give(self, x: Tensor) -> None:
        """Append a row (W, B, C) that is given, so that `row` has not seen it."""
        ...


def row_weights(
    network: GatedNetwork | ResidualNetwork, conditioner: Conditioner | None = None
) -> RowWeights:
    """The weights of a network, and of its conditioner's maps, in the order that rows need."""
    if isinstance(network, GatedNetwork):
        return GatedRowWeights(network, conditioner)
    return ResidualRowWeights(network)


def start_rows(
    weights: RowWeights,
    x: Tensor,
    condition: Tensor | None,
    height: int,
    blank: BlankRows | None = None,
    features: Tensor | None = None,
) -> Rows:
    """Start a sweep below given rows.

    Args:
        weights: of the network.
        x: (B, rows, W, C) network input of the given rows; there may be none.
        condition: (B,) or None.
        height: rows of the whole image.
        blank: of the same network, if the given rows are blank in all images.
        features: of the conditioner of a gated network, (B, H, W, TERM_DIM).
    """
    if isinstance(weights, GatedRowWeights):
        return GatedRows(weights, x, condition, height, blank, features)
    assert features is None
    return ResidualRows(weights, x, condition, height, blank)
