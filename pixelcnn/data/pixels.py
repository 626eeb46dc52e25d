"""The only place that turns greys into levels, levels into network input, and back.

Greys are uint8, 0 to 255, as the datasets store them. Levels are the integers 0 to K-1 that the model
describes. Network input is float, -1 (level 0) to 1 (level K-1), so that the zero padding of a
convolution differs from both ends of the scale.
"""

import torch
from torch import Tensor

THRESHOLD = 128  # a grey of 128 and up is above 0.5 of full scale


def quantize(greys: Tensor, levels: int) -> Tensor:
    """Map greys to levels, `floor(grey * K / 256)`, by exact integer arithmetic.

    With two levels this is the threshold at 0.5: grey 128 and up is ink.

    Args:
        greys: uint8, any shape.
        levels: K, 2 to 256.

    Returns:
        int64 levels 0..K-1, same shape.

    Raises:
        TypeError: if `greys` is not uint8: floats of 0 to 1 would all become level 0.
        ValueError: if `levels` is out of range.

    Example:
        >>> quantize(torch.tensor([0, 127, 128, 255], dtype=torch.uint8), 2).tolist()
        [0, 0, 1, 1]
    """
    if greys.dtype != torch.uint8:
        raise TypeError(f"greys must be uint8 (0 to 255), got {greys.dtype}.")
    if not 2 <= levels <= 256:
        raise ValueError(f"levels must be 2 to 256, got {levels}.")
    return greys.long() * levels // 256


def binarize_stochastic(greys: Tensor, generator: torch.Generator) -> Tensor:
    """Draw each pixel as ink with probability grey / 255 (Salakhutdinov & Murray 2008).

    Args:
        greys: uint8, any shape.
        generator: source of the draw, on the device of `greys`.

    Returns:
        int64 levels 0 and 1, same shape.
    """
    if greys.dtype != torch.uint8:
        raise TypeError(f"greys must be uint8 (0 to 255), got {greys.dtype}.")
    # An integer draw keeps the ends exact: grey 0 is never ink, grey 255 always.
    draw = torch.randint(0, 255, greys.shape, generator=generator, device=greys.device)
    return (draw < greys).long()


def to_input(levels: Tensor, num_levels: int, dtype: torch.dtype) -> Tensor:
    """Map levels 0..K-1 to network input -1..1, same shape.

    Args:
        levels: integers 0..K-1.
        num_levels: K.
        dtype: float type of the result.
    """
    return levels.to(dtype) * (2 / (num_levels - 1)) - 1


def to_greys(levels: Tensor, num_levels: int) -> Tensor:
    """Map levels 0..K-1 to uint8 greys 0..255, level K-1 to full white, same shape.

    Example:
        >>> to_greys(torch.tensor([0, 1, 2, 3]), 4).tolist()
        [0, 85, 170, 255]
    """
    steps = num_levels - 1
    return ((levels.long() * 255 + steps // 2) // steps).to(torch.uint8)
