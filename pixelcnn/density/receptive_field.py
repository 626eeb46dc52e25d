"""What a pixel can see: the receptive field, measured on the network itself."""

import torch

from pixelcnn.data.pixels import to_input
from pixelcnn.density.model import PixelCNN

IMAGES = 4  # a ReLU may hide a pixel in one image, hardly in several


def receptive_field(model: PixelCNN) -> list[list[int]]:
    """Which earlier pixels the logits of a pixel depend on, by their offset from it.

    The gradient is taken at three pixels of the last row: in the middle, which sees furthest up, and at both
    ends, which see furthest to the sides. The field of any other pixel is the same, cut at the edges.

    Args:
        model: any.

    Returns:
        H lists of 2W-1: entry [up][W - 1 + right] is 1 if the pixel `up` rows above and `right` columns
        to the right is seen.
    """
    c = model.config
    seen = torch.zeros(c.height, 2 * c.width - 1, dtype=torch.bool)
    for column in {0, c.width // 2, c.width - 1}:
        reached = _reached(model, c.height - 1, column).flip(0)
        seen[:, c.width - 1 - column : 2 * c.width - 1 - column] |= reached
    return seen.int().tolist()


def _reached(model: PixelCNN, row: int, column: int) -> torch.Tensor:
    """Where the gradient of one pixel's logits is not zero. Returns (H, W)."""
    c = model.config
    generator = torch.Generator().manual_seed(0)
    shape = (IMAGES, c.height, c.width, c.in_channels)
    levels = torch.randint(c.levels, shape, generator=generator).to(model.device)
    x = to_input(levels, c.levels, model.dtype).requires_grad_()
    told = torch.zeros(IMAGES, dtype=torch.long, device=model.device) if c.num_conditions else None
    logits = model.network(x, told)[:, row, column]
    (gradient,) = torch.autograd.grad(logits.abs().sum(), x)
    return gradient.ne(0).any(0).any(-1).cpu()
