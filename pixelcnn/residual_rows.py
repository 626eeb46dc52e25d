"""`ResidualNetwork` by rows; see `rows.py`."""

from typing import NamedTuple

import torch
from torch import Tensor

from pixelcnn.derived import Blank, once
from pixelcnn.given import InputRows, cached_features
from pixelcnn.networks import ResidualNetwork
from pixelcnn.scripted import scripted


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
    taps: list[list[Tensor]]  # the same, shifted to the right and as it is, (W, n, D)
    a: Tensor  # (W * n, 2D)
    wide: Tensor  # (W * n, 2D)
    seen: Tensor  # (W * n, 2D)
    x: Tensor  # (W * n, D)


def _make_line(state: Tensor) -> _Line:
    """Buffers around the state (N, 1 + W + 1, n, D), whose outer columns are zero."""
    n, dim = state.shape[2:]
    pixels = (state.shape[1] - 2) * n
    narrow = [each[1:-1].view(pixels, dim) for each in state]
    taps = [[each[:-2], each[1:-1]] for each in state]
    a, wide, seen = (state.new_empty(pixels, 2 * dim) for _ in range(3))
    return _Line(narrow, taps, a, wide, seen, state.new_empty(pixels, dim))


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


class _NetworkWeights:
    """The weights of a `ResidualNetwork` as its rows use them: each masked kernel is split in two.

    One part reads the rows above, the other the same row.
    """

    def __init__(self, network: ResidualNetwork) -> None:
        above, left = network.first.matrices()
        self.first_above, self.first_left = above.t().contiguous(), left.t().contiguous()
        self.first_bias = network.first.bias
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
    """`ResidualNetwork` by rows: caches of each block what its kernel reads of the row above."""

    def __init__(
        self,
        network: ResidualNetwork,
        x: Tensor,
        label: Tensor | None,
        height: int,
        blank: Blank | None,
    ) -> None:
        batch, rows, self.width, _ = x.shape
        self.network = network
        self.weights = once(network, "rows", lambda: _NetworkWeights(network))
        self.reach = network.first.kernel_size[0] // 2
        self.inputs = InputRows(x, height, self.reach)
        blocks, dim = len(network.blocks), network.blocks[0].conv.in_channels
        self.state = x.new_zeros(blocks, 1 + self.width + 1, batch, dim)
        # (N, 1, B or 1, D)
        self.biases = torch.stack([block.bias(label).view(1, -1, dim) for block in network.blocks])
        self.first = x.new_empty(self.width * batch, 2 * dim)
        self.links = x.new_empty(blocks, self.width, batch, dim)
        self.line = _make_line(self.state)
        if rows:
            features, pair = cached_features(network, x, label, blank)
            for state, feature in zip(self.state, features, strict=True):
                state[1:-1] = feature[pair, rows - 1].transpose(0, 1)

    def above(self) -> None:
        """See `Rows`."""
        weights, width = self.weights, self.width
        torch.addmm(weights.first_bias, self.inputs.above(), weights.first_above, out=self.first)
        taps = torch.cat([self.state[:, k : k + width] for k in range(3)], -1)
        links = torch.bmm(taps.flatten(1, 2), weights.above)
        torch.add(links.view(self.links.shape), self.biases, out=self.links)

    def row(self, x: Tensor, part: Tensor | None = None) -> Tensor:
        """See `Rows`."""
        width, n, channels = x.shape
        padded = torch.cat([x.new_zeros(self.reach, n, channels), x[:-1]])
        seen = padded.unfold(0, self.reach, 1).transpose(2, 3).reshape(width * n, -1)
        first, line = self.first, self.line
        if part is not None:
            first = first.view(width, -1, first.shape[1]).index_select(1, part).flatten(0, 1)
            state = self.state.new_zeros(*self.state.shape[:2], n, self.state.shape[3])
            line = _make_line(state)
        torch.addmm(first, seen, self.weights.first_left, out=line.a)
        _blocks(line, self.weights.blocks, self.links, part)
        if part is not None:
            self.state.index_copy_(2, part, state)
        return self.network.head(line.a + self.weights.bias).view(width, n, -1)

    def push(self, x: Tensor) -> None:
        """See `Rows`. What blocks read of this row is there: `row` left it, of every image's last guess."""
        self.inputs.push(x)
