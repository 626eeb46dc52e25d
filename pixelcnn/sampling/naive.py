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
        levels (B, C, H, W), and the logits they were drawn from (B, C, H, W, P); 0 for given pixels.
    """
    given = draft.mask
    levels = draft.levels.masked_fill(~given, 0)
    logits = torch.zeros_like(model.conditional_logits(levels, draft.condition))
    for i in range(model.config.height):
        for j in range(model.config.width):
            if given[:, 0, i, j].all():
                continue
            pixel = _logits(model, draft, levels)[:, :, i, j]
            drawn = model.likelihood.draw(pixel, draft.uniforms[:, :, i, j], draft.temperature)
            known = given[:, :, i, j]
            logits[:, :, i, j] = pixel.masked_fill(known[..., None], 0)
            levels[:, :, i, j] = torch.where(known, levels[:, :, i, j], drawn)
    return levels, logits


def _logits(model: PixelCNN, draft: Draft, levels: Tensor) -> Tensor:
    if draft.features is None:
        return model.conditional_logits(levels, draft.condition)
    return model.given_logits(levels, draft.mask, draft.condition, draft.features)
