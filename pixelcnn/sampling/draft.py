"""What is to be drawn, in one object that every sampler takes, and what was drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from pixelcnn.density.given import rows_reached


@dataclass(frozen=True, kw_only=True)
class Draft:
    """Images of which some pixels are given, and the random numbers that decide the others.

    Each missing sub-pixel is the inverse CDF of its own uniform, so that a draft has one result.
    """

    levels: Tensor  # (B, C, H, W) integers 0..K-1; those of missing pixels are ignored
    uniforms: Tensor  # (B, C, H, W) in [0, 1)
    condition: Tensor | None  # (B,) from `PixelCNN.condition`
    given: Tensor | None = None  # bool, (B, 1, H, W) or (1, 1, H, W); None: nothing is given
    # Of the conditioner, (B, H, W, TERM_DIM), from `PixelCNN.read_given`. Without them what is given later
    # in raster order does not change what is drawn before it.
    features: Tensor | None = None
    temperature: float = 1.0  # divides the logits; 0 takes the most probable level

    def __post_init__(self) -> None:
        if self.given is not None:
            object.__setattr__(self, "given", self.given.expand(len(self), -1, -1, -1))

    def __len__(self) -> int:
        return len(self.levels)

    @property
    def mask(self) -> Tensor:
        """`given`, or a mask of nothing, (B, 1, H, W)."""
        if self.given is None:
            return torch.zeros_like(self.levels[:, :1], dtype=torch.bool)
        return self.given

    def rows_reached(self) -> Tensor:
        """How many rows the conditioner's terms reach in each image, (B,)."""
        if self.features is None or self.given is None:
            return torch.zeros(len(self), dtype=torch.long, device=self.levels.device)
        return rows_reached(self.given)

    def split(self, count: int) -> list["Draft"]:
        """Divide the images into `count` drafts of nearly the same size."""
        return [
            self.part(index)
            for index in torch.arange(len(self), device=self.levels.device).tensor_split(count)
        ]

    def part(self, index: Tensor) -> "Draft":
        """Some of the images, (n,) indices."""
        index = index.to(self.levels.device)

        def some(each: Tensor | None) -> Tensor | None:
            return None if each is None else each[index]

        return replace(
            self,
            levels=self.levels[index],
            uniforms=self.uniforms[index],
            condition=some(self.condition),
            given=some(self.given),
            features=some(self.features),
        )


class Drawn(NamedTuple):
    """Images that were drawn as a draft says."""

    levels: Tensor  # (B, C, H, W), the given pixels included
    logits: Tensor  # (B, C, H, W, P) that the missing pixels were drawn from; 0 for those given
    passes: list[int]  # of the network over each of the H rows


def join(parts: Sequence[Drawn]) -> Drawn:
    """The parts of a draft that was split: they ran side by side, so the most passes count."""
    return Drawn(
        torch.cat([part.levels for part in parts]),
        torch.cat([part.logits for part in parts]),
        [max(each) for each in zip(*(part.passes for part in parts), strict=True)],
    )
