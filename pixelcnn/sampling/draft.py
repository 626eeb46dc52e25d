"""What is to be drawn, in one object that every sampler takes, and what was drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Draft:
    """Images whose first rows are given, and the random numbers that decide the others.

    Each sub-pixel below the given rows is the inverse CDF of its own uniform, so that a draft has one result.
    """

    levels: Tensor  # (B, C, H, W) integers 0..K-1; what is below the given rows is ignored
    uniforms: Tensor  # (B, C, H, W) in [0, 1)
    condition: Tensor | None  # (B,) from `PixelCNN.condition`
    rows: int = 0  # given ones, 0 to H
    temperature: float = 1.0  # divides the logits; 0 takes the most probable level

    def __len__(self) -> int:
        return len(self.levels)

    def split(self, count: int) -> list["Draft"]:
        """Divide the images into `count` drafts of nearly the same size."""
        conditions = (
            [None] * count if self.condition is None else self.condition.tensor_split(count)
        )
        parts = zip(
            self.levels.tensor_split(count),
            self.uniforms.tensor_split(count),
            conditions,
            strict=True,
        )
        return [replace(self, levels=a, uniforms=b, condition=c) for a, b, c in parts]


class Drawn(NamedTuple):
    """Images that were drawn as a draft says."""

    levels: Tensor  # (B, C, H, W), the given rows included
    logits: Tensor  # (B, C, H - rows, W, P) of the rows that were drawn
    passes: list[int]  # of the network over each of these rows


def join(parts: Sequence[Drawn]) -> Drawn:
    """The parts of a draft that was split: they ran side by side, so the most passes count."""
    return Drawn(
        torch.cat([part.levels for part in parts]),
        torch.cat([part.logits for part in parts]),
        [max(each) for each in zip(*(part.passes for part in parts), strict=True)],
    )
