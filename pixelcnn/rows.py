"""The two architectures row by row: the arithmetic of `networks.py` as sampling needs it.

`above` computes, once a row, everything that depends on earlier rows; `row` then maps any guess of the
row to its logits, as often as the sampler likes. Convolutions are products of a matrix with what their
kernels read, gathered; at small batches the time is that of calling operations, so buffers and the views
into them are made once, and each product adds to what is there.
"""

from collections import deque
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelcnn.layers import gate, taps
from pixelcnn.networks import GatedNetwork, ResidualNetwork

# What a row's logits take from the rows above: tensors (..., W, B, features).
Links = tuple[Tensor, ...]


class Rows(Protocol):
    """One sweep over a batch of images from top to bottom, row by row.

    Columns come first, (W, B, features), so that a shifted row, or a part of one, is contiguous.
    """

    def above(self) -> Links:
        """Compute, once, what the next row takes from all rows above it."""
        ...

    def row(self, x: Tensor, links: Links) -> Tensor:
        """Logits of the next row for a guess of its pixels; `links` may be of part of the batch.

        Shape (W, B, C) -> (W, B, out): pixel j depends on x left of j, and on rows above.
        """
        ...

    def push(self, x: Tensor, links: Links) -> None:
        """Append the row (W, B, C) as it is in the end, with the `links` of the whole batch."""
        ...


def start_rows(
    network: GatedNetwork | ResidualNetwork, x: Tensor, label: Tensor | None, height: int
) -> Rows:
    """Start a sweep below given rows.

    Args:
        network: whose weights are used.
        x: (B, rows, W, C) network input of the given rows, of which there may be none.
        label: (B,) or None.
        height: rows of the whole image.
    """
    if isinstance(network, GatedNetwork):
        return GatedRows(network, x, label, height)
    return ResidualRows(network, x, label)


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
        self.entering = like.new_empty(width * n, 2 * dim)
        padded = like.new_zeros(reach + width, n, channels)
        self.x = padded[reach:]
        # For each pixel the reach pixels left of it: (W, n, C, reach) -> (W, n, reach, C).
        self.x_seen = padded.unfold(0, reach, 1)[:width].transpose(2, 3)


class GatedRows:
    """`GatedNetwork` by rows: caches the vertical features of the rows that its kernels reach."""

    def __init__(self, network: GatedNetwork, x: Tensor, label: Tensor | None, height: int) -> None:
        batch, self.index, self.width, channels = x.shape  # index: of the next row
        self.network, self.dim, self.reach = network, network.dim, network.REACH
        self.dilations = [block.dilation for block in network.blocks]
        size = (self.width * batch, 2 * self.dim)
        self.biases = [
            [bias.expand(self.width, batch, -1).reshape(size) for bias in block.biases(label)]
            for block in network.blocks
        ]
        self.vertical = [
            (block.vertical.matrix().t(), block.vertical_out.weight.t()) for block in network.blocks
        ]
        self.horizontal = [
            (block.horizontal.matrix().t(), block.horizontal_out.weight.t())
            for block in network.blocks
        ]
        self.place = network.place(network.coordinates)  # (H, W, 2D)
        place_v, place_h = self.place.unsqueeze(2).chunk(2, -1)
        self.place_v = place_v + network.first_vertical.bias  # (H, W, 1, D)
        self.place_h = place_h + network.first_horizontal.bias + network.first_link.bias
        reach = self.reach
        self.x = x.new_zeros(reach + height, self.width + 2 * reach, batch, channels)
        self.x[reach : reach + self.index, reach:-reach] = x.permute(1, 2, 0, 3)
        like = x.new_empty(0, batch, self.dim)
        self.rings = [_Ring(like, d, self.width) for d in self.dilations]
        self.gathered = x.new_empty(self.width, batch, 6 * self.dim)
        self.gathered_flat = self.gathered.view(-1, 6 * self.dim)
        self.entering = x.new_empty(size)
        self.line = _Line(x, self, batch)
        if self.index:
            self._fill_rings(x, label)

    def _fill_rings(self, x: Tensor, label: Tensor | None) -> None:
        """Run the vertical stack over the given rows, densely."""
        network = self.network
        x, label, pair = distinct(x, label)
        v = network.first_vertical(x) + self.place[: self.index, :, : self.dim]
        for block, ring in zip(network.blocks, self.rings, strict=True):
            for i in range(max(0, self.index - block.dilation), self.index):
                ring.inner[i % ring.size].copy_(v[pair, i].transpose(0, 1))
            e_v, _ = block.embed(label, x.dtype)
            _, v = block.finish_vertical(v, block.vertical(v) + e_v)

    def above(self) -> Links:
        """See `Rows`. Returns (W, B, D) for the first layer, (blocks, W, B, 2D) for the others."""
        network, width, reach, dim = self.network, self.width, self.reach, self.dim
        batch = self.x.shape[2]
        window = self.x[self.index : self.index + reach].unfold(1, 2 * reach + 1, 1)
        seen = window.permute(1, 2, 0, 4, 3).reshape(width * batch, -1)
        v = seen @ network.first_vertical.matrix().t()  # (W * B, D)
        shaped = v.view(width, batch, dim)
        shaped += self.place_v[self.index]
        first = (v @ network.first_link.weight.t()).view_as(shaped) + self.place_h[self.index]
        links = v.new_empty(len(self.rings), width * batch, 2 * dim)
        for ring, (matrix, out), (bias_v, bias_h), link in zip(
            self.rings, self.vertical, self.biases, links, strict=True
        ):
            ring.inner[self.index % ring.size].copy_(shaped)
            torch.cat(ring.seen(self.index), -1, out=self.gathered)
            g = gate(torch.addmm(bias_v, self.gathered_flat, matrix, out=self.entering))
            torch.addmm(bias_h, g, out[:, : 2 * dim], out=link)
            if out.shape[1] > 2 * dim:
                v.addmm_(g, out[:, 2 * dim :])
        return first, links.view(len(self.rings), width, batch, 2 * dim)

    def row(self, x: Tensor, links: Links) -> Tensor:
        """See `Rows`."""
        first, others = links
        n = first.shape[1]
        if self.line.n != n:
            self.line = _Line(first, self, n)
        line, size = self.line, (self.width * n, -1)
        line.x.copy_(x)
        matrix = self.network.first_horizontal.matrix().t()
        torch.addmm(first.view(size), line.x_seen.reshape(size), matrix, out=line.h)
        line.skip.zero_()
        for (matrix, out), link, seen in zip(
            self.horizontal, others.view(len(others), *size), line.seen, strict=True
        ):
            torch.cat(seen, -1, out=line.gathered)
            torch.addmm(link, line.gathered_flat, matrix, out=line.entering)
            (line.skip if out.shape[1] == self.dim else line.both).addmm_(gate(line.entering), out)
        return self.network.head(line.skip).view(self.width, n, -1)

    def push(self, x: Tensor, links: Links) -> None:
        """See `Rows`."""
        self.x[self.reach + self.index, self.reach : -self.reach] = x
        self.index += 1


class ResidualRows:
    """`ResidualNetwork` by rows: each masked kernel is split into the part above and that to the left."""

    def __init__(self, network: ResidualNetwork, x: Tensor, label: Tensor | None) -> None:
        self.network = network
        self.width = x.shape[2]
        self.biases = [block.bias(label) for block in network.blocks]
        self.first_above, self.first_left = network.first.matrices()
        self.matrices = [block.conv.matrices() for block in network.blocks]
        self.reach = network.first.kernel_size[0] // 2
        blank = x.new_zeros(len(x), self.reach, self.width, x.shape[3])
        x = torch.cat([blank, x], 1)
        self.x = deque(x.permute(1, 2, 0, 3)[-self.reach :], maxlen=self.reach)
        # Per block, the last row of what its masked convolution reads.
        dim = network.blocks[0].conv.in_channels
        self.cache = [x.new_zeros(self.width, len(x), dim) for _ in network.blocks]
        if x.shape[1] > self.reach:
            x, label, pair = distinct(x[:, self.reach :], label)
            a = network.first(x)
            for k, block in enumerate(network.blocks):
                self.cache[k] = block.narrow(a)[pair, -1].transpose(0, 1)
                a = block(a, label)

    def above(self) -> Links:
        """See `Rows`. Returns (W, B, 2D) for the first layer, (blocks, W, B, D) for the others."""
        r, width = self.reach, self.width
        window = [taps(F.pad(row, (0, 0, 0, 0, r, r)), 2 * r + 1, 1, width) for row in self.x]
        first = F.linear(torch.cat(window, -1), self.first_above, self.network.first.bias)
        links = []
        for cache, (matrix, _), bias in zip(self.cache, self.matrices, self.biases, strict=True):
            seen = taps(F.pad(cache, (0, 0, 0, 0, 1, 1)), 3, 1, width)
            links.append(F.linear(seen, matrix) + bias)
        return first, torch.stack(links)

    def row(self, x: Tensor, links: Links) -> Tensor:
        """See `Rows`."""
        return self.network.head(self._features(x, links)[0])

    def push(self, x: Tensor, links: Links) -> None:
        """See `Rows`."""
        _, self.cache = self._features(x, links)
        self.x.append(x)

    def _features(self, x: Tensor, links: Links) -> tuple[Tensor, list[Tensor]]:
        """What the head reads (W, B, 2D), and per block what its convolution reads (W, B, D)."""
        first, others = links
        r, width = self.reach, self.width
        seen = taps(F.pad(x, (0, 0, 0, 0, r, 0)), r, 1, width)
        a = F.linear(seen, self.first_left) + first
        narrow = []
        for block, (_, matrix), link in zip(
            self.network.blocks, self.matrices, others, strict=True
        ):
            narrow.append(block.narrow(a))
            seen = taps(F.pad(narrow[-1], (0, 0, 0, 0, 1, 0)), 2, 1, width).flatten(0, 1)
            x = torch.addmm(link.flatten(0, 1), seen, matrix.t()).view(link.shape)
            a = block.finish(a, x)
        return a, narrow
