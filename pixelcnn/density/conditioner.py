"""The conditioner: what is given anywhere in an image, as a term in every gate of the raster-order network.

The network draws in raster order, so a pixel that is given later cannot change what is drawn before it. A
small network without masks reads the given pixels and the mask once per image. Linear maps of its features
are added per pixel to the input of every gate, where the class embedding is added. So

    q(missing | given, y) = product over missing pixels of p(pixel | earlier pixels, y, terms(given))

is a density that the samplers draw from as they draw from p. The maps start at zero, where q is the network
without a conditioner. Pixel Constrained CNN (Dupont and Suresh 2019, arXiv:1810.06297) adds the logits of
such a network to those of a PixelCNN instead. A head says q(class | given).

The conditioner never sees a class: its terms hold for all classes.
"""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelcnn.config import ModelConfig
from pixelcnn.density.layers import gate
from pixelcnn.density.networks import Terms, coordinates

PATCH = 2  # the blocks work on patches of 2x2 pixels
TERM_DIM = 32  # features per pixel that the terms are linear maps of
LOCAL = 5  # side of the kernel that reads the pixels around each pixel
HEAD_DIM = 64


class ConditionerBlock(nn.Module):
    """A depthwise convolution and a gated linear unit around an identity, with the mean over the image.

        z' = z + A gate(P (w * z) + M mean(z) + b)        w: 3x3, one kernel per feature, dilated by d

    Args:
        dim: features.
        dilation: d.
    """

    def __init__(self, dim: int, dilation: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            dim, dim, 3, padding=dilation, dilation=dilation, groups=dim, bias=False
        )
        self.pointwise = nn.Linear(dim, 2 * dim)
        self.mean = nn.Linear(dim, 2 * dim, bias=False) if dilation == 1 else None
        self.out = nn.Linear(dim, dim, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        """Shape (B, h, w, dim) -> (B, h, w, dim)."""
        x = self.pointwise(self.depthwise(z.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        if self.mean is not None:
            x = x + self.mean(z.mean((1, 2), keepdim=True))
        return z + self.out(gate(x))


class Conditioner(nn.Module):
    """From given pixels and their mask to the terms of every gate, and to q(class | given).

    Args:
        config: of a gated model.
    """

    coordinates: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim, read = config.conditioner_dim, config.in_channels + 3
        self.patch = nn.Linear(read * PATCH**2, dim)
        self.style = nn.Embedding.from_pretrained(
            torch.zeros(1 + config.freehand, dim), freeze=False
        )
        blocks = nn.ModuleList(ConditionerBlock(dim, d) for d in config.conditioner_dilations)
        self.blocks = cast(Sequence[ConditionerBlock], blocks)
        self.spread = nn.Linear(dim, PATCH**2 * 2 * TERM_DIM, bias=False)
        self.local = nn.Conv2d(read, 2 * TERM_DIM, LOCAL, padding=LOCAL // 2)
        self.vertical = _maps(2 * config.inner_dim, len(config.dilations))
        self.horizontal = _maps(2 * config.horizontal_dim, len(config.horizontal_dilations))
        self.head = (
            nn.Sequential(
                nn.Linear(2 * dim, HEAD_DIM), nn.ReLU(), nn.Linear(HEAD_DIM, config.num_classes)
            )
            if config.num_classes
            else None
        )
        self.register_buffer("coordinates", coordinates(config), persistent=False)

    def forward(self, x: Tensor, given: Tensor, freehand: Tensor) -> tuple[Tensor, Tensor | None]:
        """Read what is given, once per image.

        Args:
            x: (B, H, W, C) network input; what is not given is ignored.
            given: (B, H, W, 1) bool.
            freehand: (B,) bool, the style of each image.

        Returns:
            features (B, H, W, TERM_DIM) for `terms`, and logits (B, classes), or None without classes.
        """
        batch, height, width, _ = x.shape
        mask = given.to(x.dtype)
        read = torch.cat([x * mask, mask, self.coordinates.expand(batch, -1, -1, -1)], -1)
        z = self.patch(_patches(read)) + self.style(freehand.long())[:, None, None]
        for block in self.blocks:
            z = block(z)
        spread = _unpatched(self.spread(z))[:, :height, :width]
        local = self.local(read.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        logits = None
        if self.head is not None:
            logits = self.head(torch.cat([z.mean((1, 2)), z.amax((1, 2))], -1))
        return gate(spread + local), logits

    def terms(self, features: Tensor) -> Terms:
        """The terms of every gate. Shape of the features (..., TERM_DIM)."""
        return Terms(
            [linear(features) for linear in self.vertical],
            [linear(features) for linear in self.horizontal],
        )


def _maps(out: int, count: int) -> Sequence[nn.Linear]:
    """Linear maps of the features, zero at the start."""
    maps = nn.ModuleList(nn.Linear(TERM_DIM, out, bias=False) for _ in range(count))
    linear = cast(Sequence[nn.Linear], maps)
    for each in linear:
        nn.init.zeros_(each.weight)
    return linear


def _patches(x: Tensor) -> Tensor:
    """Patches side by side, an odd side padded with zeros. Shape (B, H, W, D) -> (B, h, w, 4D)."""
    height, width = x.shape[1:3]
    x = F.pad(x, (0, 0, 0, width % PATCH, 0, height % PATCH))
    x = x.unflatten(1, (-1, PATCH)).unflatten(3, (-1, PATCH))  # (B, h, 2, w, 2, D)
    return x.transpose(2, 3).flatten(3)


def _unpatched(x: Tensor) -> Tensor:
    """Undo `_patches`. Shape (B, h, w, 4D) -> (B, 2h, 2w, D)."""
    x = x.unflatten(3, (PATCH, PATCH, -1)).transpose(2, 3)  # (B, h, 2, w, 2, D)
    return x.flatten(3, 4).flatten(1, 2)
