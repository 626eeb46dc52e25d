"""`ResidualNetwork` by rows; see `rows.py`."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pixelcnn.density.networks import ResidualNetwork
from pixelcnn.sampling.blank import BlankRows
from pixelcnn.sampling.row_cache import InputRows, Ring, fill_rings, given_features
from pixelcnn.sampling.scripted import scripted


class _Weights(NamedTuple):
    """The products of a `ResidualBlock` within a row, each (in, out), and what is added before them."""

    bias: Tensor  # (2D,), to a: what the blocks before left out
    down_bias: Tensor  # (D,)
    down: Tensor
    left: Tensor  # the left neighbour and the pixel itself
    up: Tensor


class _Line(NamedTuple):
    """Buffers of one row, for n images."""

    narrow: list[Tensor]  # of each block, what its masked convolution reads (W * n, D)
    taps: list[list[Tensor]]  # (W, n, D): the same shifted to the right, and not shifted
    a: Tensor  # (W * n, 2D)
    wide: Tensor  # (W * n, 2D)
    seen: Tensor  # (W * n, 2D)
    x: Tensor  # (W * n, D)


def _make_line(rows: Sequence[Tensor], dilations: Sequence[int], width: int) -> _Line:
    """Buffers of one row; `rows` are what each block reads of it, (W + 2d, n, D), zero at both ends."""
    like = rows[0]
    n, dim = like.shape[1:]
    inner = [row[d : d + width] for row, d in zip(rows, dilations, strict=True)]
    narrow = [each.view(width * n, dim) for each in inner]
    taps = [[row[:width], each] for row, each in zip(rows, inner, strict=True)]
    a, wide, seen = (like.new_empty(width * n, 2 * dim) for _ in range(3))
    return _Line(narrow, taps, a, wide, seen, like.new_empty(width * n, dim))


@scripted
def _blocks(line: _Line, weights: list[_Weights], links: Tensor, part: Tensor | None) -> None:
    """The residual blocks on one row of n images, `line.a` in place; links (N, W, B, D)."""
    shape = line.taps[0][0].shape
    for k, block in enumerate(weights):
        torch.add(line.a, block.bias, out=line.wide)
        line.wide.relu_()
        narrow = torch.addmm(block.down_bias, line.wide, block.down, out=line.narrow[k])
        narrow.relu_()
        torch.cat(line.taps[k], -1, out=line.seen.view(shape[0], shape[1], 2 * shape[2]))
        if part is None:
            torch.addmm(links[k].view(line.x.shape), line.seen, block.left, out=line.x)
        else:
            torch.index_select(links[k], 1, part, out=line.x.view(shape))
            line.x.addmm_(line.seen, block.left)
        line.x.relu_()
        line.a.addmm_(line.x, block.up)


class ResidualRowWeights:
    """The weights of a `ResidualNetwork` as its rows use them: each masked kernel is split in two.

    One part reads the rows above, the other the same row.
    """

    def __init__(self, network: ResidualNetwork) -> None:
        self.network = network
        above, left = network.first.matrices()
        self.first_above, self.first_left = above.t().contiguous(), left.t().contiguous()
        # (H, W, 1, 2D)
        self.place = network.place(network.coordinates).unsqueeze(2) + network.first.bias
        self.blocks, matrices = [], []
        self.bias = torch.zeros_like(network.first.bias)  # the sum of what all blocks add
        for block in network.blocks:
            above, left = block.conv.matrices()
            matrices.append(above.t())
            parts = block.down.weight.t(), left.t(), block.up.weight.t()
            down, left, up = (part.contiguous() for part in parts)
            self.blocks.append(_Weights(self.bias, block.down.bias, down, left, up))
            self.bias = self.bias + block.up.bias
        self.above = torch.stack(matrices)  # (N, 3D, D)


class ResidualRows:
    """`ResidualNetwork` by rows: caches of each block what its kernel reads of the d rows above."""

    def __init__(
        self,
        weights: ResidualRowWeights,
        x: Tensor,
        condition: Tensor | None,
        height: int,
        blank: BlankRows | None,
    ) -> None:
        network = weights.network
        batch, rows, self.width, _ = x.shape
        self.network = network
        self.weights = weights
        self.reach = network.first.reach
        self.inputs = InputRows(x, height, self.reach)
        self.dilations = [block.conv.reach for block in network.blocks]
        dim = network.blocks[0].conv.in_channels
        # Of each block, the last d rows of what its convolution reads, and the current one.
        self.rings = [Ring(x.new_empty(0, batch, dim), d, self.width) for d in self.dilations]
        # (N, 1, B or 1, D)
        self.biases = torch.stack(
            [block.bias(condition).view(1, -1, dim) for block in network.blocks]
        )
        self.first = x.new_empty(self.width * batch, 2 * dim)
        self.links = x.new_empty(len(self.rings), self.width, batch, dim)
        if rows:
            fill_rings(self.rings, rows, *given_features(network, x, condition, blank))

    def prepare_row(self) -> None:
        """See `Rows`."""
        weights, i = self.weights, self.inputs.count
        torch.mm(self.inputs.rows_above(), weights.first_above, out=self.first)
        first = self.first.view(self.width, -1, self.first.shape[1])
        first += weights.place[i]
        taps = torch.stack([torch.cat(ring.rows_above[i % ring.size], -1) for ring in self.rings])
        links = torch.bmm(taps.flatten(1, 2), weights.above)
        torch.add(links.view(self.links.shape), self.biases, out=self.links)
        self.current = [ring.rows[i % ring.size] for ring in self.rings]
        self.line = _make_line(self.current, self.dilations, self.width)

    def row(self, x: Tensor, part: Tensor | None = None) -> Tensor:
        """See `Rows`."""
        width, n, channels = x.shape
        padded = torch.cat([x.new_zeros(self.reach, n, channels), x[:-1]])
        seen = padded.unfold(0, self.reach, 1).transpose(2, 3).reshape(width * n, -1)
        first, line = self.first, self.line
        if part is not None:
            first = first.view(width, -1, first.shape[1]).index_select(1, part).flatten(0, 1)
            rows = [row.new_zeros(len(row), n, row.shape[2]) for row in self.current]
            line = _make_line(rows, self.dilations, width)
        torch.addmm(first, seen, self.weights.first_left, out=line.a)
        _blocks(line, self.weights.blocks, self.links, part)
        if part is not None:
            for whole, row in zip(self.current, rows, strict=True):
                whole.index_copy_(1, part, row)
        return self.network.head(line.a + self.weights.bias).view(width, n, -1)

    def push(self, x: Tensor) -> None:
        """See `Rows`. What blocks read of this row is there: `row` left it, of every image's last guess."""
        self.inputs.push(x)

    def give(self, x: Tensor) -> None:
        """See `Rows`."""
        self.row(x)
        self.push(x)
