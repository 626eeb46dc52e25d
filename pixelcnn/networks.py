"""The two architectures: from network input to logits, densely and row by row.

Both forms run the same weights. The dense form takes whole images. The row form takes one row of a
batch at a time: `above` computes, once a row, everything that depends on earlier rows; `row` then maps
any guess of the row to its logits, as often as the sampler likes.
"""

from collections import deque
from collections.abc import Sequence
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelcnn.config import ModelConfig
from pixelcnn.layers import CausalConv2d, GatedBlock, MaskedConv2d, ResidualBlock, gate, taps

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


class Head(nn.Module):
    """ReLU, 1x1, ReLU, 1x1: from features to logits (arXiv:1601.06759, table 1)."""

    def __init__(self, features: int, hidden: int, out: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, hidden)
        self.out = nn.Linear(hidden, out)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (..., features) -> (..., out)."""
        return self.out(F.relu(self.hidden(F.relu(x))))


class GatedNetwork(nn.Module):
    """The gated PixelCNN (arXiv:1606.05328): two stacks, no blind spot.

    The first layer is a 7x7 type-A kernel in two crops: 3x7 above for the vertical stack, 1x3 to the
    left for the horizontal one. Both stacks are told where they are by two constant coordinates.

    Args:
        config: of the model; `out` logits per pixel.
    """

    REACH = 3  # of the first layer, in pixels

    coordinates: Tensor

    def __init__(self, config: ModelConfig, out: int) -> None:
        super().__init__()
        dim, r = config.inner_dim, self.REACH
        self.dim = dim
        self.first_vertical = CausalConv2d(config.in_channels, dim, (r, 2 * r + 1), pad=(r, r, r))
        self.first_horizontal = CausalConv2d(config.in_channels, dim, (1, r), pad=(r, 0, 0))
        self.first_link = nn.Linear(dim, dim)
        self.place = nn.Linear(2, 2 * dim)
        blocks = nn.ModuleList(
            GatedBlock(
                dim,
                d,
                config.num_classes,
                config.dropout,
                last=k == len(config.dilations) - 1,
            )
            for k, d in enumerate(config.dilations)
        )
        self.blocks = cast(Sequence[GatedBlock], blocks)
        self.head = Head(dim, 2 * dim, out)
        rows = torch.linspace(-1, 1, config.height)[:, None].expand(-1, config.width)
        columns = torch.linspace(-1, 1, config.width)[None].expand(config.height, -1)
        self.register_buffer("coordinates", torch.stack([rows, columns], -1), persistent=False)

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """Logits of every pixel given all earlier ones.

        Args:
            x: (B, H, W, C), from `pixels.to_input`.
            label: (B,) or None.

        Returns:
            (B, H, W, out).
        """
        place_v, place_h = self.place(self.coordinates[: x.shape[1]]).chunk(2, -1)
        v = self.first_vertical(x) + place_v
        h = self.first_horizontal(x) + self.first_link(v) + place_h
        skips = 0.0
        for block in self.blocks:
            v, h, skip = block(v, h, label)
            skips = skips + skip
        return self.head(skips)

    def rows(self, x: Tensor, label: Tensor | None) -> "GatedRows":
        """Start a sweep below the given rows x (B, rows, W, C), of which there may be none."""
        return GatedRows(self, x, label)


class GatedRows:
    """`GatedNetwork` by rows: caches the vertical features of the rows that its kernels reach."""

    def __init__(self, network: GatedNetwork, x: Tensor, label: Tensor | None) -> None:
        self.network = network
        self.width = x.shape[2]
        self.index = x.shape[1]  # of the next row
        self.place = network.place(network.coordinates).chunk(2, -1)
        self.biases = [block.biases(label) for block in network.blocks]
        self.matrices = [
            (
                block.vertical.matrix(),
                block.horizontal.matrix().t(),
                block.horizontal_out.weight.t(),
            )
            for block in network.blocks
        ]
        self.first_matrix = network.first_horizontal.matrix().t()
        reach = network.REACH
        blank = x.new_zeros(len(x), reach, self.width, x.shape[3])
        self.x = torch.cat([blank, x], 1)[:, -reach:]
        # Per block, the last d rows of what its vertical convolution reads, padded with zeros.
        self.cache: list[deque[Tensor]] = []
        if self.index:
            v = network.first_vertical(x) + self.place[0][: self.index]
        else:
            v = x.new_zeros(len(x), 0, self.width, network.dim)
        for block in network.blocks:
            d = block.dilation
            padded = F.pad(v[:, -d:], (0, 0, d, d, max(0, d - self.index), 0))
            self.cache.append(deque(padded.permute(1, 2, 0, 3).contiguous(), maxlen=d))
            if self.index:
                e_v, _ = block.embed(label, x.dtype)
                _, v = block.finish_vertical(v, block.vertical(v) + e_v)

    def above(self) -> Links:
        """See `Rows`. Returns (W, B, D) for the first layer, (blocks, W, B, 2D) for the others."""
        network, r, width = self.network, self.network.REACH, self.width
        window = F.pad(self.x, (0, 0, r, r)).permute(0, 3, 1, 2)
        v = F.conv2d(window, network.first_vertical.weight, network.first_vertical.bias)
        v = v.permute(2, 3, 0, 1)[0] + self.place[0][self.index].unsqueeze(1)  # (W, B, D)
        place_h = self.place[1][self.index] + network.first_horizontal.bias
        first = network.first_link(v) + place_h.unsqueeze(1)
        links = v.new_empty(len(self.cache), width, v.shape[1], 2 * network.dim)
        for block, cache, matrices, biases, link in zip(
            network.blocks, self.cache, self.matrices, self.biases, links, strict=True
        ):
            d = block.dilation
            row = F.pad(v, (0, 0, 0, 0, d, d))
            seen = torch.cat([taps(cache[0], 3, d, width), taps(row, 3, d, width)], -1)
            cache.append(row)
            above, v = block.finish_vertical(v, F.linear(seen, matrices[0]) + biases[0])
            torch.add(above, biases[1], out=link)
        return first, links

    def row(self, x: Tensor, links: Links) -> Tensor:
        """See `Rows`."""
        network, r, width = self.network, self.network.REACH, self.width
        first, others = links
        batch, dim = first.shape[1], network.dim
        left = max(block.dilation for block in network.blocks)
        # Skips and h side by side, so that each block adds to both by one product; zeros on the left.
        state = first.new_zeros(left + width, batch, 2 * dim)
        h, here = state[..., dim:], state[left:].view(width * batch, 2 * dim)
        seen = taps(F.pad(x, (0, 0, 0, 0, r, 0)), r, 1, width)
        torch.add(first, seen @ self.first_matrix, out=h[left:])
        for block, (_, matrix, out), link in zip(
            network.blocks, self.matrices, others, strict=True
        ):
            d = block.dilation
            seen = torch.cat([h[left - d : -d], h[left:]], -1).view(-1, 2 * dim)
            g = gate(torch.addmm(link.view(-1, 2 * dim), seen, matrix))
            here[:, : out.shape[1]].addmm_(g, out)
        return network.head(state[left:, :, :dim])

    def push(self, x: Tensor, links: Links) -> None:
        """See `Rows`."""
        self.x = torch.cat([self.x[:, 1:], x.transpose(0, 1).unsqueeze(1)], 1)
        self.index += 1


class ResidualNetwork(nn.Module):
    """The original PixelCNN (arXiv:1601.06759, section 3.4), with its blind spot.

    A 7x7 type-A convolution, residual blocks of type-B ones, two 1x1 convolutions.

    Args:
        config: of the model; `out` logits per pixel.
    """

    HIDDEN = (
        32  # features between the last two 1x1 convolutions, as in the paper's table 1 for MNIST
    )

    def __init__(self, config: ModelConfig, out: int) -> None:
        super().__init__()
        dim = config.inner_dim
        self.first = MaskedConv2d("A", config.in_channels, 2 * dim, 7)
        blocks = nn.ModuleList(
            ResidualBlock(dim, config.num_classes, config.dropout) for _ in config.dilations
        )
        self.blocks = cast(Sequence[ResidualBlock], blocks)
        self.head = Head(2 * dim, self.HIDDEN, out)

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """Logits of every pixel given the earlier ones it sees. Shapes as in `GatedNetwork`."""
        a = self.first(x)
        for block in self.blocks:
            a = block(a, label)
        return self.head(a)

    def rows(self, x: Tensor, label: Tensor | None) -> "ResidualRows":
        """Start a sweep below the given rows x (B, rows, W, C), of which there may be none."""
        return ResidualRows(self, x, label)


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
            a = network.first(x[:, self.reach :])
            for k, block in enumerate(network.blocks):
                self.cache[k] = block.narrow(a)[:, -1].transpose(0, 1)
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
