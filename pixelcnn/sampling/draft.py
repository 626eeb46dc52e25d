"""What is to be drawn, in one object: the request that every sampler takes."""

from dataclasses import dataclass, replace

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
