"""The two architectures row by row: the arithmetic of `networks.py` as sampling needs it.

`above` computes, once a row, everything that depends on earlier rows; `row` then maps any guess of the
row to its logits, as often as the sampler likes. Convolutions are products of a matrix with what their
kernels read, gathered; at small batches the time is that of calling operations, so buffers and the views
into them are made once, and each product adds to what is there.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelcnn.derived import Blank, Network, once
from pixelcnn.layers import taps
from pixelcnn.networks import GatedNetwork, ResidualNetwork


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
        """Append the row (W, B, C) as it is in the end."""
        ...


def start_rows(
    network: Network,
    x: Tensor,
    label: Tensor | None,
    height: int,
    blank: Blank | None = None,
) -> Rows:
    """Start a sweep below given rows.

    Args:
        network: whose weights are used.
        x: (B, rows, W, C) network input of the given rows, of which there may be none.
        label: (B,) or None.
        height: rows of the whole image.
        blank: given if all those rows are blank, so that nothing need be computed of them.
    """
    if isinstance(network, GatedNetwork):
        return GatedRows(network, x, label, height, blank)
    return ResidualRows(network, x, label, blank)


def distinct(x: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor]:
    """Find the pairs of given rows and class that differ: completions of one image have few.

    Args:
        x: (B, rows, W, C), with at least one row.
        label: (B,) or None.

    Returns:
        x (G, rows, W, C) and label (G,) of the G pairs, and which of them each image has (B,).
    """
    both = x.flatten(1)
    if label is not None:
        both = torch.cat([both, label[:, None].to(x.dtype)], 1)
    _, pair = torch.unique(both, dim=0, return_inverse=True)
    some = torch.arange(len(x), device=x.device)
    first = some.new_empty(int(pair.max()) + 1).scatter_(0, pair, some)
    return x[first], None if label is None else label[first], pair


def _transposed(matrix: Tensor) -> Tensor:
    """(out, in) as contiguous (in, out): small products are up to 1.6 times as fast with it."""
    return matrix.t().contiguous()


class _BlockWeights(NamedTuple):
    """The four products of a `GatedBlock`, each (in, out)."""

    vertical: Tensor
    vertical_out: Tensor
    horizontal: Tensor
    horizontal_out: Tensor


class _GatedWeights:
    """The weights of a `GatedNetwork` as its rows use them."""

    def __init__(self, network: GatedNetwork) -> None:
        self.blocks = [
            _BlockWeights(
                _transposed(block.vertical.matrix()),
                _transposed(block.vertical_out.weight),
                _transposed(block.horizontal.matrix()),
                _transposed(block.horizontal_out.weight),
            )
            for block in network.blocks
        ]
        self.first_vertical = _transposed(network.first_vertical.matrix())
        self.first_horizontal = _transposed(network.first_horizontal.matrix())
        self.first_link = _transposed(network.first_link.weight)
        self.place = network.place(network.coordinates)  # (H, W, 2D)
        place_v, place_h = self.place.unsqueeze(2).chunk(2, -1)
        self.place_v = place_v + network.first_vertical.bias  # (H, W, 1, D)
        self.place_h = place_h + network.first_horizontal.bias + network.first_link.bias


class _Gate:
    """What enters a gate, and what leaves it, in standing buffers of n pixels; see `layers.gate`."""

    def __init__(self, like: Tensor, n: int, dim: int) -> None:
        self.x = like.new_empty(n, 2 * dim)
        self.linear, self.logit = self.x.chunk(2, -1)
        self.sigmoid, self.out = like.new_empty(n, dim), like.new_empty(n, dim)

    def __call__(self) -> Tensor:
        """Shape (n, 2D), in `x`, -> (n, D)."""
        torch.sigmoid(self.logit, out=self.sigmoid)
        return torch.mul(self.linear, self.sigmoid, out=self.out)


def _known(
    network: Network, x: Tensor, label: Tensor | None, blank: Blank | None
) -> tuple[Iterable[Tensor], Tensor]:
    """The cached features of given rows, (G, rows, W, D) a block, and which of them each image has."""
    if blank is not None:
        return blank.features, blank.which(label, len(x))
    x, label, pair = distinct(x, label)
    return network.cached(x, label), pair


class _Ring:
    """The last d rows of what a vertical convolution reads, and the current one, padded by d columns."""

    def __init__(self, like: Tensor, dilation: int, width: int) -> None:
        self.size = dilation + 1
        rows = like.new_zeros(self.size, width + 2 * dilation, *like.shape[1:])
        self.inner = [row[dilation : dilation + width] for row in rows]
        self.taps = [[row[k * dilation :][:width] for k in range(3)] for row in rows]

    def seen(self, index: int) -> list[Tensor]:
        """The six views (W, B, D) that the kernel of row `index` reads: row index - d, then row index."""
        return self.taps[(index + 1) % self.size] + self.taps[index % self.size]


class _Line:
    """Buffers of one row of the horizontal stack, for n images."""

    def __init__(self, like: Tensor, rows: "GatedRows", n: int) -> None:
        width, dim, left = rows.width, rows.dim, max(rows.dilations)
        reach, channels = rows.reach, rows.x.shape[-1]
        self.n = n
        # Skips and h side by side, so that each block adds to both by one product; zeros on the left.
        state = like.new_zeros(left + width, n, 2 * dim)
        self.both = state[left:].view(width * n, 2 * dim)
        self.skip, self.h = self.both[:, :dim], self.both[:, dim:]
        h = state[..., dim:]
        self.seen = [(h[left - d : left - d + width], h[left:]) for d in rows.dilations]
        self.gathered = like.new_empty(width, n, 2 * dim)
        self.gathered_flat = self.gathered.view(width * n, 2 * dim)
        self.gate = _Gate(like, width * n, dim)
        self.entering = self.gate.x.view(width, n, 2 * dim)
        padded = like.new_zeros(reach + width, n, channels)
        self.x = padded[reach:]
        # For each pixel the reach pixels left of it: (W, n, C, reach) -> (W, n, reach, C).
        self.x_seen = padded.unfold(0, reach, 1)[:width].transpose(2, 3)


class GatedRows:
    """`GatedNetwork` by rows: caches the vertical features of the rows that its kernels reach."""

    def __init__(
        self,
        network: GatedNetwork,
        x: Tensor,
        label: Tensor | None,
        height: int,
        blank: Blank | None,
    ) -> None:
        batch, self.index, self.width, channels = x.shape  # index: of the next row
        self.network, self.dim, self.reach = network, network.dim, network.REACH
        self.dilations = [block.dilation for block in network.blocks]
        self.weights = once(network, "rows", lambda: _GatedWeights(network))
        size = (self.width * batch, 2 * self.dim)
        self.biases = [
            [bias.expand(self.width, batch, -1).reshape(size) for bias in block.biases(label)]
            for block in network.blocks
        ]
        reach = self.reach
        self.x = x.new_zeros(reach + height, self.width + 2 * reach, batch, channels)
        self.x[reach : reach + self.index, reach:-reach] = x.permute(1, 2, 0, 3)
        like = x.new_empty(0, batch, self.dim)
        self.rings = [_Ring(like, d, self.width) for d in self.dilations]
        self.gathered = x.new_empty(self.width, batch, 6 * self.dim)
        self.gathered_flat = self.gathered.view(-1, 6 * self.dim)
        self.gate = _Gate(x, size[0], self.dim)
        self.first = x.new_empty(self.width, batch, self.dim)
        self.links = [x.new_empty(size) for _ in self.rings]
        self.line = _Line(x, self, batch)
        if self.index:
            self._fill_rings(*_known(network, x, label, blank))

    def _fill_rings(self, features: Iterable[Tensor], pair: Tensor) -> None:
        """Take what each block's vertical convolution reads of given rows, by image: `pair` (B,)."""
        for v, ring in zip(features, self.rings, strict=True):
            for i in range(max(0, self.index - ring.size + 1), self.index):
                ring.inner[i % ring.size].copy_(v[pair, i].transpose(0, 1))

    def above(self) -> None:
        """See `Rows`."""
        weights, width, reach, dim = self.weights, self.width, self.reach, self.dim
        batch = self.x.shape[2]
        window = self.x[self.index : self.index + reach].unfold(1, 2 * reach + 1, 1)
        seen = window.permute(1, 2, 0, 4, 3).reshape(width * batch, -1)
        v = seen @ weights.first_vertical  # (W * B, D)
        shaped = v.view(width, batch, dim)
        shaped += weights.place_v[self.index]
        torch.mm(v, weights.first_link, out=self.first.view(-1, dim))
        self.first += weights.place_h[self.index]
        for ring, block, (bias_v, bias_h), link in zip(
            self.rings, weights.blocks, self.biases, self.links, strict=True
        ):
            ring.inner[self.index % ring.size].copy_(shaped)
            torch.cat(ring.seen(self.index), -1, out=self.gathered)
            torch.addmm(bias_v, self.gathered_flat, block.vertical, out=self.gate.x)
            g = self.gate()
            torch.addmm(bias_h, g, block.vertical_out[:, : 2 * dim], out=link)
            if block.vertical_out.shape[1] > 2 * dim:
                v.addmm_(g, block.vertical_out[:, 2 * dim :])

    def row(self, x: Tensor, part: Tensor | None = None) -> Tensor:
        """See `Rows`."""
        width, n, _ = x.shape
        if self.line.n != n:
            self.line = _Line(self.first, self, n)
        line, blocks = self.line, self.weights.blocks
        line.x.copy_(x)
        seen = line.x_seen.reshape(width * n, -1)
        first = self.first if part is None else self.first.index_select(1, part)
        torch.addmm(first.view(width * n, -1), seen, self.weights.first_horizontal, out=line.h)
        line.skip.zero_()
        for block, link, pair in zip(blocks, self.links, line.seen, strict=True):
            torch.cat(pair, -1, out=line.gathered)
            if part is None:
                torch.addmm(link, line.gathered_flat, block.horizontal, out=line.gate.x)
            else:
                torch.index_select(link.view(width, -1, 2 * self.dim), 1, part, out=line.entering)
                line.gate.x.addmm_(line.gathered_flat, block.horizontal)
            both = line.both if block.horizontal_out.shape[1] > self.dim else line.skip
            both.addmm_(line.gate(), block.horizontal_out)
        return self.network.head(line.skip).view(width, n, -1)

    def push(self, x: Tensor) -> None:
        """See `Rows`."""
        self.x[self.reach + self.index, self.reach : -self.reach] = x
        self.index += 1


class ResidualRows:
    """`ResidualNetwork` by rows: each masked kernel is split into the part above and that to the left."""

    def __init__(
        self, network: ResidualNetwork, x: Tensor, label: Tensor | None, blank: Blank | None
    ) -> None:
        self.network = network
        self.width = x.shape[2]
        self.biases = [block.bias(label) for block in network.blocks]
        self.first_above, self.first_left = network.first.matrices()
        self.matrices = [block.conv.matrices() for block in network.blocks]
        self.reach = network.first.kernel_size[0] // 2
        padded = F.pad(x, (0, 0, 0, 0, self.reach, 0))
        self.x = deque(padded.permute(1, 2, 0, 3)[-self.reach :], maxlen=self.reach)
        # Per block, the last row of what its masked convolution reads.
        dim = network.blocks[0].conv.in_channels
        self.cache = [x.new_zeros(self.width, len(x), dim) for _ in network.blocks]
        self.links: list[Tensor] = []  # of the first layer (W, B, 2D), and of each block (W, B, D)
        if last := x.shape[1]:
            features, pair = _known(network, x, label, blank)
            self.cache = [f[pair, last - 1].transpose(0, 1) for f in features]

    def above(self) -> None:
        """See `Rows`."""
        r, width = self.reach, self.width
        window = [taps(F.pad(row, (0, 0, 0, 0, r, r)), 2 * r + 1, 1, width) for row in self.x]
        first = F.linear(torch.cat(window, -1), self.first_above, self.network.first.bias)
        self.links = [first]
        for cache, (matrix, _), bias in zip(self.cache, self.matrices, self.biases, strict=True):
            seen = taps(F.pad(cache, (0, 0, 0, 0, 1, 1)), 3, 1, width)
            self.links.append(F.linear(seen, matrix) + bias)

    def row(self, x: Tensor, part: Tensor | None = None) -> Tensor:
        """See `Rows`."""
        return self.network.head(self._features(x, part)[0])

    def push(self, x: Tensor) -> None:
        """See `Rows`."""
        _, self.cache = self._features(x, None)
        self.x.append(x)

    def _features(self, x: Tensor, part: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """What the head reads (W, n, 2D), and per block what its convolution reads (W, n, D)."""
        r, width = self.reach, self.width
        first, *links = (
            self.links if part is None else [k.index_select(1, part) for k in self.links]
        )
        seen = taps(F.pad(x, (0, 0, 0, 0, r, 0)), r, 1, width)
        a = F.linear(seen, self.first_left) + first
        narrow = []
        for block, (_, matrix), link in zip(self.network.blocks, self.matrices, links, strict=True):
            narrow.append(block.narrow(a))
            seen = taps(F.pad(narrow[-1], (0, 0, 0, 0, 1, 0)), 2, 1, width).flatten(0, 1)
            x = torch.addmm(link.flatten(0, 1), seen, matrix.t()).view(link.shape)
            a = block.finish(a, x)
        return a, narrow
