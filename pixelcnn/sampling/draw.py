"""Exact sampling, the short way: draw digits, complete them, tell which digit a drawing may become.

Each function makes a `Sampler` for one call; a program that draws often keeps one.

Two paths draw the same digits from the same uniforms. `naive.draw_naive` is the definition: one pass of the
whole network per pixel. `Sampler.draw` is what everything else uses.

"The same digits" means: as the two paths add in different orders, their conditionals differ by float
rounding, and a draw may differ only where a uniform lies within 1e-5 of a boundary of the CDF (1e-12 in
float64); what follows such a pixel may differ with it.

A seed is a whole number from 0 to 2**32 - 1. It means the same digits on every device.
"""

from typing import SupportsIndex

from torch import Tensor

from pixelcnn.density.model import Label, PixelCNN
from pixelcnn.sampling.sampler import Sampler, Samples


def generate(
    model: PixelCNN,
    count: int,
    label: Label = None,
    *,
    freehand: bool = False,
    temperature: float = 1.0,
    seed: SupportsIndex | None = None,
) -> Samples:
    """Draw digits.

    Args:
        model: in eval mode.
        count: B.
        label: class of all, int, or of each, (B,); None draws it, each class equally likely.
        freehand: in which of the two hands, where the model knows two: MNIST's, or people's.
        temperature: divides the logits of every pixel; 0 takes the most probable level.
        seed: of this draw alone; None takes a fresh one, which the result tells.

    Returns:
        B samples.

    Raises:
        ValueError: if an argument is out of range, or the model is in training mode.

    Example:
        >>> from pixelcnn.config import ModelConfig
        >>> model = PixelCNN(ModelConfig(height=3, width=3, inner_dim=4, dilations=(1,))).eval()
        >>> a, b = generate(model, 2, seed=0), generate(model, 2, seed=0)
        >>> bool((a.levels == b.levels).all())
        True
    """
    return Sampler(model).generate(
        count, label, freehand=freehand, temperature=temperature, seed=seed
    )


def complete(
    model: PixelCNN,
    levels: Tensor,
    *,
    rows: int,
    count: int = 1,
    label: Label = None,
    freehand: bool = False,
    temperature: float = 1.0,
    seed: SupportsIndex | None = None,
) -> Samples:
    """Keep the first rows of images and draw the others.

    Without a label each completion draws its class from p(y | rows), so that it is an exact draw from
    p(rest | rows) at temperature 1.

    Args:
        model: in eval mode.
        levels: (B, C, H, W); what is below the given rows is ignored.
        rows: how many are given, 0 to H.
        count: completions of each image.
        label: class of all, int, or of each completion, (B * count,); None draws it.
        freehand: in which of the two hands, where the model knows two.
        temperature: divides the logits of every pixel; 0 takes the most probable level.
        seed: of this draw alone; None takes a fresh one, which the result tells.

    Returns:
        B * count samples: first all of the first image, then all of the second.

    Raises:
        ValueError: if an argument is out of range, or the model is in training mode.
    """
    return Sampler(model).complete(
        levels,
        rows=rows,
        count=count,
        label=label,
        freehand=freehand,
        temperature=temperature,
        seed=seed,
    )


def digit_posterior(
    model: PixelCNN, levels: Tensor, *, rows: int, freehand: bool = False
) -> Tensor:
    """How probable each class is, given the first rows: p(y | rows), by one pass per class.

    Args:
        model: with classes, in eval mode.
        levels: (B, C, H, W); what is below the given rows is ignored.
        rows: how many are given, 0 to H.
        freehand: in which of the two hands, where the model knows two.

    Returns:
        (B, classes), adding up to 1.

    Raises:
        ValueError: if the model has no classes or is in training mode, or an argument is out of range.
    """
    return Sampler(model).digit_posterior(levels, rows=rows, freehand=freehand)
