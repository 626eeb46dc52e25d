"""Sampling by its definition: what the fast sampler is measured against."""

import torch
from torch import Tensor

from pixelcnn.density.model import PixelCNN


@torch.inference_mode()
def draw_naive(
    model: PixelCNN,
    levels: Tensor,
    uniforms: Tensor,
    label: Tensor | None,
    *,
    rows: int = 0,
    temperature: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Ancestral sampling by its definition: one pass of the whole network per pixel.

    Args:
        model: in eval mode.
        levels: (B, C, H, W), of which the first rows are kept.
        uniforms: (B, C, H, W) in [0, 1): each sub-pixel is the inverse CDF of its own.
        label: (B,) or None.
        rows: how many are given.
        temperature: divides the logits; 0 takes the most probable level.

    Returns:
        levels (B, C, H, W) and the logits they were drawn from (B, C, H, W, P).
    """
    levels = levels.clone()
    levels[:, :, rows:] = 0
    logits = model(levels, label)
    for i in range(rows, model.config.height):
        for j in range(model.config.width):
            logits[:, :, i, j] = model(levels, label)[:, :, i, j]
            levels[:, :, i, j] = model.likelihood.draw(
                logits[:, :, i, j], uniforms[:, :, i, j], temperature
            )
    return levels, logits
