"""The two architectures, densely: from the network input of whole images to logits.

`sampling/rows.py` has the same arithmetic row by row, for sampling.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelcnn.config import ModelConfig
from pixelcnn.density.blocks import HorizontalBlock, ResidualBlock, VerticalBlock
from pixelcnn.density.layers import CausalConv2d, MaskedConv2d


def coordinates(config: ModelConfig) -> Tensor:
    """Row and column of every pixel, each from -1 to 1. Shape (H, W, 2)."""
    # Not on the meta device, where `load` builds a model: that would import PyTorch's compiler.
    sides = (torch.linspace(-1, 1, n, device="cpu") for n in (config.height, config.width))
    return torch.stack(torch.meshgrid(*sides, indexing="ij"), -1)


class Head(nn.Module):
    """ReLU, 1x1, ReLU, 1x1: from features to logits (arXiv:1601.06759, table 1)."""

    def __init__(self, features: int, hidden: int, out: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, hidden)
        self.out = nn.Linear(hidden, out)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (..., features) -> (..., out)."""
        return self.out(F.relu(self.hidden(F.relu(x))))


def _repeat(x: Tensor, condition: Tensor | None) -> Tensor:
    """Repeat each image for its conditions. Shape (B, H, W, D) -> (B * k, H, W, D)."""
    if condition is None or len(condition) == len(x):
        return x
    return x.repeat_interleave(len(condition) // len(x), 0)


def _match(term: Tensor | None, x: Tensor) -> Tensor | None:
    """Repeat the term of each image as often as the features x (B * k, ...) do."""
    if term is None or len(term) == len(x):
        return term
    return term.repeat_interleave(len(x) // len(term), 0)


class Terms(NamedTuple):
    """What a conditioner adds to the input of each gate, by block: see `conditioner.py`."""

    vertical: list[Tensor]  # (B, H, W, 2D) each
    horizontal: list[Tensor]  # (B, H, W, 2E) each


class GatedNetwork(nn.Module):
    """The gated PixelCNN (arXiv:1606.05328): two stacks, no blind spot.

    The first layer of the vertical stack is a 3x7 kernel above, the crop of a 7x7 type-A one. That of the
    horizontal stack is a 1x12 kernel to the left: with the dilations of the blocks, 12 + 1 + 2 + 4 + 8 pixels
    reach the first column of a row of 28. The vertical stack runs to its end, then the horizontal one, each
    of whose blocks reads the last features of the vertical stack.

    The vertical stack is told where it is by two constant coordinates. Its first blocks are not told the
    condition, if the config says so: then they run once for all classes of an image.

    Args:
        config: of the model; `out` logits per pixel.
    """

    REACH = 3  # of the first layer of the vertical stack, in pixels up and to each side
    LEFT = 12  # of the first layer of the horizontal stack, in pixels to the left

    coordinates: Tensor

    def __init__(self, config: ModelConfig, out: int) -> None:
        super().__init__()
        dim, r, n = config.inner_dim, self.REACH, config.num_conditions
        left = self.LEFT
        self.dim, self.class_from = dim, config.class_from
        self.first_vertical = CausalConv2d(config.in_channels, dim, (r, 2 * r + 1), pad=(r, r, r))
        self.place = nn.Linear(2, dim, bias=False)
        vertical = nn.ModuleList(
            VerticalBlock(dim, d, n if k >= config.class_from else 0, config.dropout)
            for k, d in enumerate(config.dilations)
        )
        self.vertical = cast(Sequence[VerticalBlock], vertical)
        self.first_horizontal = CausalConv2d(
            config.in_channels, config.horizontal_dim, (1, left), pad=(left, 0, 0)
        )
        horizontal = nn.ModuleList(
            HorizontalBlock(config.horizontal_dim, dim, d, n, config.dropout)
            for d in config.horizontal_dilations
        )
        self.horizontal = cast(Sequence[HorizontalBlock], horizontal)
        self.head = Head(config.horizontal_dim, 2 * config.horizontal_dim, out)
        self.register_buffer("coordinates", coordinates(config), persistent=False)

    def forward(
        self,
        x: Tensor,
        condition: Tensor | None,
        read: list[Tensor] | None = None,
        terms: Terms | None = None,
    ) -> Tensor:
        """Logits of every pixel given all earlier ones.

        Args:
            x: (B, H, W, C), from `pixels.to_input`.
            condition: (B * k,), k of each image in a row, or None.
            read: takes what each vertical block's convolution reads, (B or B * k, H, W, D), if given.
            terms: of a conditioner, for the same images.

        Returns:
            (B * k, H, W, out).
        """
        v = self.first_vertical(x) + self.place(self.coordinates[: x.shape[1]])
        for k, block in enumerate(self.vertical):
            if k == self.class_from:
                v = _repeat(v, condition)
            if read is not None:
                read.append(v)
            term = terms and terms.vertical[k]
            v = block(v, condition, _match(term, v))
        v, h = _repeat(v, condition), _repeat(self.first_horizontal(x), condition)
        for k, layer in enumerate(self.horizontal):
            term = terms and terms.horizontal[k]
            h = layer(h, v, condition, _match(term, h))
        return self.head(h)


class ResidualNetwork(nn.Module):
    """The original PixelCNN (arXiv:1601.06759, section 3.4), with its blind spot.

    A 7x7 type-A convolution, residual blocks of type-B ones, two 1x1 convolutions. Deviations from the paper:
    the blocks are dilated, so that few of them reach every row above, and the first layer is told where it is
    by two constant coordinates.

    Args:
        config: of the model; `out` logits per pixel.
    """

    HIDDEN = 32  # features between the last two 1x1 convolutions, as in the paper's table 1

    coordinates: Tensor

    def __init__(self, config: ModelConfig, out: int) -> None:
        super().__init__()
        dim = config.inner_dim
        self.first = MaskedConv2d("A", config.in_channels, 2 * dim, 7)
        self.place = nn.Linear(2, 2 * dim, bias=False)
        blocks = nn.ModuleList(
            ResidualBlock(dim, d, config.num_conditions, config.dropout) for d in config.dilations
        )
        self.blocks = cast(Sequence[ResidualBlock], blocks)
        self.head = Head(2 * dim, self.HIDDEN, out)
        self.register_buffer("coordinates", coordinates(config), persistent=False)

    def forward(
        self,
        x: Tensor,
        condition: Tensor | None,
        read: list[Tensor] | None = None,
    ) -> Tensor:
        """Logits of every pixel given the earlier ones it sees. Arguments as in `GatedNetwork`."""
        a = self.first(x) + self.place(self.coordinates[: x.shape[1]])
        a = _repeat(a, condition)
        for block in self.blocks:
            narrow, a = block(a, condition)
            if read is not None:
                read.append(narrow)
        return self.head(a)
