"""`GatedNetwork` by rows; see `rows.py`."""

from typing import NamedTuple

import torch
from torch import Tensor

from pixelcnn.density.derived import once
from pixelcnn.density.networks import GatedNetwork
from pixelcnn.density.prefix import KnownRows
from pixelcnn.sampling.row_cache import InputRows, Ring, fill_rings, given_features
from pixelcnn.sampling.scripted import scripted


class _Weights(NamedTuple):
    """The products of a `GatedBlock`, each (in, out)."""

    vertical: Tensor
    link: Tensor
    vertical_out: Tensor  # without columns in the last block
    horizontal: Tensor
    horizontal_out: Tensor


class _Buffers(NamedTuple):
    """What a block computes with, for n pixels: what its kernel reads, what enters and leaves the gate."""

    seen: Tensor  # (n, taps * D)
    x: Tensor  # (n, 2D), of which the next two are the halves
    linear: Tensor
    logit: Tensor
    sigmoid: Tensor  # (n, D)
    g: Tensor  # (n, D)


def _make_buffers(like: Tensor, n: int, dim: int, taps: int) -> _Buffers:
    x = like.new_empty(n, 2 * dim)
    linear, logit = x.chunk(2, -1)
    seen, sigmoid, g = (like.new_empty(n, size) for size in (taps * dim, dim, dim))
    return _Buffers(seen, x, linear, logit, sigmoid, g)


@scripted
def _gate(buffers: _Buffers) -> Tensor:
    """`layers.gate`: from `x` to `g`."""
    torch.sigmoid(buffers.logit, out=buffers.sigmoid)
    return torch.mul(buffers.linear, buffers.sigmoid, out=buffers.g)


@scripted
def _vertical(
    v: Tensor,
    weights: list[_Weights],
    biases: list[tuple[Tensor, Tensor]],
    current: list[Tensor],
    taps: list[list[Tensor]],
    links: list[Tensor],
    buffers: _Buffers,
) -> None:
    """The vertical stack of one row: v (W * B, D), which is overwritten, to the link of each block."""
    for k, block in enumerate(weights):
        current[k].copy_(v.view(current[k].shape))
        torch.cat(
            taps[k], -1, out=buffers.seen.view(current[k].shape[0], -1, buffers.seen.shape[1])
        )
        bias_v, bias_h = biases[k]
        torch.addmm(bias_v, buffers.seen, block.vertical, out=buffers.x)
        g = _gate(buffers)
        torch.addmm(bias_h, g, block.link, out=links[k])
        if block.vertical_out.shape[1] > 0:
            v.addmm_(g, block.vertical_out)


@scripted
def _horizontal(
    both: Tensor,
    weights: list[_Weights],
    taps: list[list[Tensor]],
    links: list[Tensor],
    part: Tensor | None,
    buffers: _Buffers,
) -> None:
    """The horizontal stack of one row of n images: skips and h side by side, both (W * n, 2D), in place."""
    width, dim = taps[0][0].shape[0], buffers.g.shape[1]
    for k, block in enumerate(weights):
        torch.cat(taps[k], -1, out=buffers.seen.view(width, -1, 2 * dim))
        if part is None:
            torch.addmm(links[k], buffers.seen, block.horizontal, out=buffers.x)
        else:
            link, x = links[k].view(width, -1, 2 * dim), buffers.x.view(width, -1, 2 * dim)
            torch.index_select(link, 1, part, out=x)
            buffers.x.addmm_(buffers.seen, block.horizontal)
        both[:, : block.horizontal_out.shape[1]].addmm_(_gate(buffers), block.horizontal_out)


class _NetworkWeights:
    """The weights of a `GatedNetwork` as its rows use them.

    All are contiguous and (in, out): small products are up to 1.6 times as fast with that.
    """

    def __init__(self, network: GatedNetwork) -> None:
        dim = network.dim
        self.blocks = []
        for block in network.blocks:
            vertical_out = block.vertical_out.weight.t()
            parts = (
                block.vertical.matrix().t(),
                vertical_out[:, : 2 * dim],
                vertical_out[:, 2 * dim :],
                block.horizontal.matrix().t(),
                block.horizontal_out.weight.t(),
            )
            self.blocks.append(_Weights(*(part.contiguous() for part in parts)))
        self.first_vertical = network.first_vertical.matrix().t().contiguous()
        self.first_horizontal = network.first_horizontal.matrix().t().contiguous()
        self.first_link = network.first_link.weight.t().contiguous()
        place_v, place_h = network.place(network.coordinates).unsqueeze(2).chunk(2, -1)
        self.place_v = place_v + network.first_vertical.bias  # (H, W, 1, D)
        self.place_h = place_h + network.first_horizontal.bias + network.first_link.bias


class _Line:
    """Buffers of one row of the horizontal stack, for n images."""

    def __init__(self, like: Tensor, rows: "GatedRows", n: int) -> None:
        width, dim, left = rows.width, rows.dim, max(rows.dilations)
        reach, channels = rows.reach, rows.channels
        self.n = n
        # Skips and h side by side, so that each block adds to both by one product; zeros on the left.
        state = like.new_zeros(left + width, n, 2 * dim)
        self.both = state[left:].view(width * n, 2 * dim)
        self.skip, self.h = self.both[:, :dim], self.both[:, dim:]
        h = state[..., dim:]
        self.taps = [[h[left - d : left - d + width], h[left:]] for d in rows.dilations]
        self.buffers = _make_buffers(like, width * n, dim, taps=2)
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
        known: KnownRows | None,
    ) -> None:
        batch, _, self.width, self.channels = x.shape
        self.network, self.dim, self.reach = network, network.dim, network.REACH
        self.dilations = [block.dilation for block in network.blocks]
        self.weights = once(network, "rows", lambda: _NetworkWeights(network))
        pixels = self.width * batch

        def for_each_pixel(bias: Tensor) -> Tensor:
            return bias.expand(self.width, batch, -1).reshape(pixels, -1)

        self.biases = [
            (for_each_pixel(bias_v), for_each_pixel(bias_h))
            for bias_v, bias_h in (block.biases(label) for block in network.blocks)
        ]
        self.inputs = InputRows(x, height, self.reach)
        self.first = x.new_empty(self.width, batch, self.dim)
        self.rings = [Ring(self.first, d, self.width) for d in self.dilations]
        self.buffers = _make_buffers(x, pixels, self.dim, taps=6)
        self.links = [x.new_empty(pixels, 2 * self.dim) for _ in self.rings]
        self.line = _Line(x, self, batch)
        if self.inputs.count:
            features = given_features(network, x, label, known)
            fill_rings(self.rings, self.inputs.count, *features)

    def above(self) -> None:
        """See `Rows`."""
        weights, i = self.weights, self.inputs.count
        v = self.inputs.above() @ weights.first_vertical  # (W * B, D)
        shaped = v.view(self.first.shape)
        shaped += weights.place_v[i]
        torch.mm(v, weights.first_link, out=self.first.view(v.shape))
        self.first += weights.place_h[i]
        current = [ring.inner[i % ring.size] for ring in self.rings]
        taps = [ring.above[i % ring.size] + ring.current[i % ring.size] for ring in self.rings]
        _vertical(v, weights.blocks, self.biases, current, taps, self.links, self.buffers)

    def row(self, x: Tensor, part: Tensor | None = None) -> Tensor:
        """See `Rows`."""
        width, n, _ = x.shape
        if self.line.n != n:
            self.line = _Line(self.first, self, n)
        line = self.line
        line.x.copy_(x)
        seen = line.x_seen.reshape(width * n, -1)
        first = self.first if part is None else self.first.index_select(1, part)
        torch.addmm(first.view(width * n, -1), seen, self.weights.first_horizontal, out=line.h)
        line.skip.zero_()
        _horizontal(line.both, self.weights.blocks, line.taps, self.links, part, line.buffers)
        return self.network.head(line.skip).view(width, n, -1)

    def push(self, x: Tensor) -> None:
        """See `Rows`."""
        self.inputs.push(x)
