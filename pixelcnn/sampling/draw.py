"""Exact sampling: draw digits, complete them, and tell what the model expected at every pixel.

Two paths draw the same digits from the same uniforms. `draw_naive`, in `naive.py`, is the definition: one
pass of the whole network per pixel. `draw_fast`, in `sweep.py`, is what `generate` and `complete` use.

"The same digits" means: as the two paths add in different orders, their conditionals differ by float
rounding, and a draw may differ only where a uniform lies within 1e-5 of a boundary of the CDF (1e-12 in
float64); what follows such a pixel may differ with it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelcnn.density.model import Label, PixelCNN
from pixelcnn.density.prefix import KnownRows
from pixelcnn.sampling.sweep import draw_fast


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Digits, and what the model thought of them as it drew.

    The last three are the model's at temperature 1, given the label, whatever the temperature of the
    draw. Given pixels were not drawn: they count 0 in `log_prob` and `entropy`, and are themselves in
    `expected`.
    """

    levels: Tensor  # (B, C, H, W) integers 0..K-1
    label: Tensor | None  # (B,) the class of each digit, given or drawn; None without classes
    log_prob: Tensor  # (B, C, H, W) nats
    entropy: Tensor  # (B, C, H, W) nats
    expected: Tensor  # (B, C, H, W) mean level / (K-1), 0 to 1: the probability of ink for K = 2
    seed: int  # draws the same digits again
    passes: int  # row passes, summed over the rows (blank ones above the first ink take none)


@torch.no_grad()
def generate(
    model: PixelCNN,
    count: int,
    label: Label = None,
    *,
    temperature: float = 1.0,
    seed: int | None = None,
) -> Samples:
    """Draw digits.

    Args:
        model: in eval mode.
        count: B.
        label: class of all, int, or of each, (B,); None draws it, each class equally likely.
        temperature: divides the logits of every pixel; 0 takes the most probable level.
        seed: of this draw alone; None takes a fresh one, which the result tells.

    Returns:
        B samples.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> from pixelcnn.config import ModelConfig
        >>> model = PixelCNN(ModelConfig(height=3, width=3, inner_dim=4, dilations=(1,))).eval()
        >>> a, b = generate(model, 2, seed=0), generate(model, 2, seed=0)
        >>> bool((a.levels == b.levels).all())
        True
    """
    _check_count(count)
    c = model.config
    blank = torch.zeros(count, c.in_channels, c.height, c.width, dtype=torch.long)
    return _draw(model, blank, 0, label, temperature, seed)


@torch.no_grad()
def complete(
    model: PixelCNN,
    levels: Tensor,
    *,
    rows: int,
    count: int = 1,
    label: Label = None,
    temperature: float = 1.0,
    seed: int | None = None,
    known: KnownRows | None = None,
    guess: Tensor | None = None,
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
        temperature: divides the logits of every pixel; 0 takes the most probable level.
        seed: of this draw alone; None takes a fresh one, which the result tells.
        known: of one image, what `PixelCNN.read` made of its first rows, or of others: it saves time.
        guess: (B * count, C, H, W), what the completions may be: a near guess saves time too.

    Returns:
        B * count samples, those of one image in a row.

    Raises:
        ValueError: if an argument is out of range.
    """
    _check_count(count)
    _check_rows(model, levels, rows)
    shape = (len(levels) * count, *levels.shape[1:])
    if guess is not None and guess.shape != shape:
        raise ValueError(f"guess must have shape {shape}, got {tuple(guess.shape)}.")
    return _draw(
        model,
        levels.repeat_interleave(count, 0),
        rows,
        label,
        temperature,
        seed,
        count,
        known=known,
        guess=guess,
    )


@torch.no_grad()
def digit_posterior(
    model: PixelCNN, levels: Tensor, *, rows: int, known: KnownRows | None = None
) -> Tensor:
    """How probable each class is, given the first rows: p(y | rows), by one pass per class.

    Args:
        model: with classes, in eval mode.
        levels: (B, C, H, W); what is below the given rows is ignored.
        rows: how many are given, 0 to H.
        known: as for `complete`.

    Returns:
        (B, classes), adding up to 1.

    Raises:
        ValueError: if the model has no classes, or an argument is out of range.
    """
    if not model.num_classes:
        raise ValueError("This model has no classes, so it cannot tell how probable each is.")
    _check_rows(model, levels, rows)
    if rows == 0:
        shape = (len(levels), model.num_classes)
        return torch.full(shape, 1 / model.num_classes, dtype=model.dtype, device=model.device)
    given = levels[:, :, :rows].to(model.device)
    return model.class_log_prob(given, known).sum((2, 3, 4)).softmax(-1)


def _draw(
    model: PixelCNN,
    levels: Tensor,
    rows: int,
    label: Label,
    temperature: float,
    seed: int | None,
    count: int = 1,
    *,
    known: KnownRows | None = None,
    guess: Tensor | None = None,
) -> Samples:
    """Draw the uniforms, the class where none is given, and then the rows below the given ones."""
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature must be finite and 0 or more, got {temperature}.")
    if seed is None:
        seed = int(torch.randint(2**31, ()))
    # On the CPU whatever the device, so that a seed means the same digits everywhere.
    generator = torch.Generator().manual_seed(seed)
    uniforms = torch.rand(levels.shape, generator=generator).to(model.device)
    images = levels[::count]
    if rows and (known is not None or (label is None and len(images) == 1)):
        known = model.read(images[:, :, :rows], *([known] if known else []))
    if label is None and model.num_classes:
        posterior = digit_posterior(model, images, rows=rows, known=known).cpu()
        cdf = posterior.repeat_interleave(count, 0).cumsum(-1)[:, :-1]
        label = (cdf <= torch.rand(len(levels), 1, generator=generator)).sum(-1)
    levels, label = levels.to(model.device), model.expand_label(label, len(levels))
    levels, logits, passes = draw_fast(
        model,
        levels,
        uniforms,
        label,
        rows=rows,
        temperature=temperature,
        known=known,
        guess=guess,
    )
    levels, logits = levels.clone(), logits.clone()  # made in inference mode, of no use to autograd
    drawn = levels[:, :, rows:]
    given = levels[:, :, :rows].to(logits.dtype)
    zeros = torch.zeros_like(given)
    return Samples(
        levels=levels,
        label=label,
        log_prob=torch.cat([zeros, model.likelihood.log_prob(logits, drawn)], 2),
        entropy=torch.cat([zeros, model.likelihood.entropy(logits)], 2),
        expected=torch.cat([given / (model.config.levels - 1), model.likelihood.mean(logits)], 2),
        seed=seed,
        passes=passes,
    )


def _check_count(count: int) -> None:
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}.")


def _check_rows(model: PixelCNN, levels: Tensor, rows: int) -> None:
    model.check_levels(levels)
    c = model.config
    if not len(levels):
        raise ValueError("levels must hold at least one image, got none.")
    if levels.shape[2] != c.height:
        raise ValueError(f"levels must have {c.height} rows, got {levels.shape[2]}.")
    if not 0 <= rows <= c.height:
        raise ValueError(f"rows must be 0 to {c.height}, got {rows}.")
