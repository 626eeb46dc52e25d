"""Ancestral sampling by its definition, one pass of the whole network per pixel: the oracle of the tests."""

import torch
from torch import Tensor

from pixelcnn.density.model import PixelCNN
from pixelcnn.sampling.draft import Draft


@torch.inference_mode()
def draw_naive(model: PixelCNN, draft: Draft) -> tuple[Tensor, Tensor]:
    """Draw pixel by pixel.

    Args:
        model: in eval mode.
        draft: on the device of the model.

    Returns:
        levels (B, C, H, W), and the logits they were drawn from (B, C, H, W, P).
    """
    levels = draft.levels.clone()
    levels[:, :, draft.rows :] = 0
    logits = model.conditional_logits(levels, draft.condition)
    for i in range(draft.rows, model.config.height):
        for j in range(model.config.width):
            pixel = model.conditional_logits(levels, draft.condition)[:, :, i, j]
            logits[:, :, i, j] = pixel
            uniform = draft.uniforms[:, :, i, j]
            levels[:, :, i, j] = model.likelihood.draw(pixel, uniform, draft.temperature)
    return levels, logits
