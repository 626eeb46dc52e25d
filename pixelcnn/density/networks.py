"""The two architectures, densely: from the network input of whole images to logits.

`sampling/rows.py` has the same arithmetic row by row, for sampling.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelcnn.config import ModelConfig
from pixelcnn.density.layers import CausalConv2d, GatedBlock, MaskedConv2d, ResidualBlock


@dataclass(frozen=True)
class Above:
    """What a network knows of the first rows of images, so that it need only run on those below."""

    x: Tensor  # (B, rows, W, C), network input
    features: Sequence[
        Tensor
    ]  # of each block what its convolution of earlier rows reads, (B, rows, W, D)


def _parts(
    above: Above | None, blocks: int
) -> tuple[Tensor | None, Sequence[Tensor] | Sequence[None]]:
    """What lies above for the first layer, and for each block."""
    return (None, [None] * blocks) if above is None else (above.x, above.features)


def _coordinates(config: ModelConfig) -> Tensor:
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
        self.register_buffer("coordinates", _coordinates(config), persistent=False)

    def forward(
        self,
        x: Tensor,
        label: Tensor | None,
        above: Above | None = None,
        read: list[Tensor] | None = None,
    ) -> Tensor:
        """Logits of every pixel given all earlier ones.

        Args:
            x: (B, H, W, C), from `pixels.to_input`.
            label: (B,) or None.
            above: given if x begins below the first row.
            read: takes what each block's convolution of earlier rows reads, (B, H, W, D), if given.

        Returns:
            (B, H, W, out).
        """
        x_above, features = _parts(above, len(self.blocks))
        start = 0 if above is None else above.x.shape[1]
        place = self.place(self.coordinates[start : start + x.shape[1]])
        place_v, place_h = place.chunk(2, -1)
        v = self.first_vertical(x, x_above) + place_v
        h = self.first_horizontal(x) + self.first_link(v) + place_h
        skips = 0.0
        for block, v_above in zip(self.blocks, features, strict=True):
            if read is not None:
                read.append(v)
            v, h, skip = block(v, h, label, v_above)
            skips = skips + skip
        return self.head(skips)


class ResidualNetwork(nn.Module):
    """The original PixelCNN (arXiv:1601.06759, section 3.4), with its blind spot.

    A 7x7 type-A convolution, residual blocks of type-B ones, two 1x1 convolutions. Deviations from the paper:
    the blocks are dilated, so that few of them reach every row above, and the first layer is told where it is
    by two constant coordinates.

    Args:
        config: of the model; `out` logits per pixel.
    """

    HIDDEN = (
        32  # features between the last two 1x1 convolutions, as in the paper's table 1 for MNIST
    )

    coordinates: Tensor

    def __init__(self, config: ModelConfig, out: int) -> None:
        super().__init__()
        dim = config.inner_dim
        self.first = MaskedConv2d("A", config.in_channels, 2 * dim, 7)
        self.place = nn.Linear(2, 2 * dim, bias=False)
        blocks = nn.ModuleList(
            ResidualBlock(dim, d, config.num_classes, config.dropout) for d in config.dilations
        )
        self.blocks = cast(Sequence[ResidualBlock], blocks)
        self.head = Head(2 * dim, self.HIDDEN, out)
        self.register_buffer("coordinates", _coordinates(config), persistent=False)

    def forward(
        self,
        x: Tensor,
        label: Tensor | None,
        above: Above | None = None,
        read: list[Tensor] | None = None,
    ) -> Tensor:
        """Logits of every pixel given the earlier ones it sees. Arguments as in `GatedNetwork`."""
        x_above, features = _parts(above, len(self.blocks))
        start = 0 if above is None else above.x.shape[1]
        a = self.first(x, x_above) + self.place(self.coordinates[start : start + x.shape[1]])
        for block, narrow_above in zip(self.blocks, features, strict=True):
            narrow, a = block(a, label, narrow_above)
            if read is not None:
                read.append(narrow)
        return self.head(a)
