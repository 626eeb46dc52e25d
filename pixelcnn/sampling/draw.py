"""Exact sampling, the short way: draw digits, complete them, tell which digit a drawing may become.

Each function makes a `Sampler` for one call; a program that draws often keeps one.

Two paths draw the same digits from the same uniforms. `naive.draw_naive` is the definition: one pass of the
whole network per pixel. `Sampler.draw` is what everything else uses.

"The same digits" means: as the two paths add in different orders, their conditionals differ by float
rounding, and a draw may differ only where a uniform lies within 1e-5 of a boundary of the CDF (1e-12 in
float64); what follows such a pixel may differ with it.

A seed is a whole number from 0 to 2**32 - 1. It means the same digits on every device, up to rounding:
docs/determinism.md.
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
        temperature: divides the logits of every pixel; 0 takes the most probable level, which is background
            at nearly every pixel: blank paper. For a probable digit take that with the largest sum of
            `log_prob` of many at 1.
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
    rows: int | None = None,
    given: Tensor | None = None,
    count: int = 1,
    label: Label = None,
    freehand: bool = False,
    temperature: float = 1.0,
    seed: SupportsIndex | None = None,
    candidates: int | None = None,
) -> Samples:
    """Keep the given pixels of images and draw the others.

    Without a label each completion draws its class from p(y | given). Where the first rows are given, whole,
    it is an exact draw from p(missing | given) at temperature 1. Elsewhere it is one from the model's
    conditioner, which comes near; choosing among candidates by their importance weights comes nearer.

    Args:
        model: in eval mode; with a conditioner, unless the first rows are given.
        levels: (B, C, H, W); pixels that are not given are ignored.
        rows: how many of the first rows are given, 0 to H; or
        given: bool, (B, 1, H, W) or a shape that broadcasts to it, true where a pixel is given.
        count: completions of each image.
        label: class of all, int, or of each completion, (B * count,); None draws it.
        freehand: in which of the two hands, where the model knows two.
        temperature: divides the logits of every pixel; 0 takes the most probable level.
        seed: of this draw alone; None takes a fresh one, which the result tells.
        candidates: to draw of each image, at temperature 1, and to resample `count` of by importance weights;
            see `importance.py`. None draws no more than `count`.

    Returns:
        B * count samples: first all of the first image, then all of the second.

    Raises:
        ValueError: if an argument is out of range, or the model is in training mode.
    """
    return Sampler(model).complete(
        levels,
        rows=rows,
        given=given,
        count=count,
        label=label,
        freehand=freehand,
        temperature=temperature,
        seed=seed,
        candidates=candidates,
    )


def digit_posterior(
    model: PixelCNN,
    levels: Tensor,
    *,
    rows: int | None = None,
    given: Tensor | None = None,
    freehand: bool = False,
) -> Tensor:
    """How probable each class is, p(y | given).

    By Bayes' rule, with one pass per class, where the first rows are given, whole; elsewhere the head of the
    model's conditioner says it.

    Args:
        model: with classes, in eval mode; with a conditioner, unless the first rows are given.
        levels: (B, C, H, W); pixels that are not given are ignored.
        rows: how many of the first rows are given, 0 to H; or
        given: bool, (B, 1, H, W) or a shape that broadcasts to it, true where a pixel is given.
        freehand: in which of the two hands, where the model knows two.

    Returns:
        (B, classes), adding up to 1.

    Raises:
        ValueError: if the model has no classes or is in training mode, or an argument is out of range.
    """
    return Sampler(model).digit_posterior(levels, rows=rows, given=given, freehand=freehand)
