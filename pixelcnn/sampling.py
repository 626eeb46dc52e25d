"""Exact sampling: draw digits, complete them, and tell what the model expected at every pixel.

Two paths draw the same digits from the same uniforms. `draw_naive` is the definition: one pass of the
whole network per pixel. `draw_fast` is what `generate` and `complete` use:

1. What a row takes from the rows above is computed once a row, on cached features.
2. The row is guessed (as the row above), its logits are computed for all columns at once, and every
   pixel is set to the inverse CDF of its uniform; this repeats until nothing changes. Left of the
   first change everything is final already, so it ends after at most W passes, and where it ends
   every pixel is the ancestral draw for its uniform. (Jacobi iteration on a triangular system: Song et
   al. 2021, arXiv:2002.03629, here row by row.) Rows of a batch that have converged leave it.
3. Above its first ink every digit of a class is the same, so that those rows are looked up.

On a CPU a large batch is divided among threads, and each operation takes one thread.

"The same digits" means: as the two paths add in different orders, their conditionals differ by float
rounding, and a draw may differ only where a uniform lies within 1e-5 of a boundary of the CDF (1e-12 in
float64); what follows such a pixel may differ with it.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelcnn.derived import Blank
from pixelcnn.devices import one_thread_per_operation
from pixelcnn.model import Label, PixelCNN
from pixelcnn.pixels import to_input
from pixelcnn.rows import Rows, start_rows

MIN_PART = 8  # images that are worth a thread of their own

# Levels (B, C, H, W), the logits of the rows drawn (B, C, H - rows, W, P), the passes of each of them.
Drawn = tuple[Tensor, Tensor, list[int]]


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


@torch.inference_mode()
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


@torch.inference_mode()
def complete(
    model: PixelCNN,
    levels: Tensor,
    *,
    rows: int,
    count: int = 1,
    label: Label = None,
    temperature: float = 1.0,
    seed: int | None = None,
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

    Returns:
        B * count samples, those of one image in a row.

    Raises:
        ValueError: if an argument is out of range.
    """
    _check_count(count)
    _check_rows(model, levels, rows)
    return _draw(model, levels.repeat_interleave(count, 0), rows, label, temperature, seed, count)


@torch.inference_mode()
def digit_posterior(model: PixelCNN, levels: Tensor, *, rows: int) -> Tensor:
    """How probable each class is, given the first rows: p(y | rows), by one pass per class.

    Args:
        model: with classes, in eval mode.
        levels: (B, C, H, W); what is below the given rows is ignored.
        rows: how many are given, 0 to H.

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
    return model.class_log_prob(given).sum((2, 3, 4)).softmax(-1)


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


@torch.inference_mode()
def draw_fast(
    model: PixelCNN,
    levels: Tensor,
    uniforms: Tensor,
    label: Tensor | None,
    *,
    rows: int = 0,
    temperature: float = 1.0,
) -> tuple[Tensor, Tensor, int]:
    """The same digits as `draw_naive`, by fixed-point iteration on each row.

    Arguments as for `draw_naive`.

    Returns:
        levels (B, C, H, W); the logits of the rows drawn (B, C, H - rows, W, P); row passes.
    """
    blank = model.blank()

    def sweep(levels: Tensor, uniforms: Tensor, label: Tensor | None) -> Drawn:
        return _sweep(model, blank, levels, uniforms, label, rows, temperature)

    if model.device.type != "cpu":
        levels, logits, passes = sweep(levels, uniforms, label)
        return levels, logits, sum(passes)
    count = max(1, min(torch.get_num_threads(), len(levels) // MIN_PART))
    labels = [None] * count if label is None else label.tensor_split(count)
    with one_thread_per_operation(), ThreadPoolExecutor(count) as pool:
        each = levels.tensor_split(count), uniforms.tensor_split(count), labels
        done = list(pool.map(sweep, *each)) if count > 1 else [sweep(levels, uniforms, label)]
    every_levels, every_logits, every_passes = zip(*done, strict=True)
    most = [max(row) for row in zip(*every_passes, strict=True)]
    return torch.cat(every_levels), torch.cat(every_logits), sum(most)


@torch.inference_mode()
def _sweep(
    model: PixelCNN,
    blank: Blank,
    levels: Tensor,
    uniforms: Tensor,
    label: Tensor | None,
    rows: int,
    temperature: float,
) -> Drawn:
    """`draw_fast` of a part of a batch; the passes are those of each row."""
    c = model.config
    # Rows and columns first, as `Rows` has them.
    levels, uniforms = levels.long().permute(2, 3, 0, 1).clone(), uniforms.permute(2, 3, 0, 1)
    shape = (c.height - rows, *levels.shape[1:], model.likelihood.parameters)
    logits = torch.empty(shape, dtype=model.dtype, device=model.device)
    start = _blank_until(model, blank, levels, logits, uniforms, label, rows, temperature)
    levels[rows:start] = 0
    passes = [0] * (start - rows)
    given = to_input(levels[:start], c.levels, model.dtype).permute(2, 0, 1, 3)
    is_blank = start > rows or not levels[:rows].any()
    sweep = start_rows(model.network, given, label, c.height, blank if is_blank else None)
    guess = levels[start - 1] if start else torch.zeros_like(levels[0])
    for i in range(start, c.height):
        sweep.above()
        guess, logits[i - rows], tries = _settle(model, sweep, guess, uniforms[i], temperature)
        sweep.push(to_input(guess, c.levels, model.dtype))
        levels[i] = guess
        passes.append(tries)
    return levels.permute(2, 3, 0, 1), logits.permute(2, 3, 0, 1, 4), passes


def _blank_until(
    model: PixelCNN,
    blank: Blank,
    levels: Tensor,
    logits: Tensor,
    uniforms: Tensor,
    label: Tensor | None,
    rows: int,
    temperature: float,
) -> int:
    """The first row, from `rows` on, with ink in any image of a batch; fills in the logits above it."""
    if levels[:rows].any():
        return rows
    height, width, batch, channels = uniforms.shape
    which = blank.which(label, batch)
    for i in range(rows, height):
        above = blank.logits[:, i][which].view(batch, width, channels, -1).transpose(0, 1)
        if model.likelihood.draw(above, uniforms[i], temperature).any():
            return i
        logits[i - rows] = above
    return height


def _settle(
    model: PixelCNN, sweep: Rows, guess: Tensor, uniforms: Tensor, temperature: float
) -> tuple[Tensor, Tensor, int]:
    """Iterate one row to its fixed point.

    Args:
        guess, uniforms: (W, B, C).

    Returns:
        the row (W, B, C), its logits (W, B, C, P), and how many passes it took.
    """
    c, likelihood, dtype = model.config, model.likelihood, model.dtype
    shape = (c.width, -1, c.in_channels, likelihood.parameters)
    part: Tensor | None = None  # the images that have not converged; None: all of them
    tries = 0
    while True:
        tries += 1
        logits = sweep.row(to_input(guess, c.levels, dtype), part).view(shape)
        drawn = likelihood.draw(logits, uniforms, temperature)
        if tries > 1:
            # Final since the pass before; a draw on a boundary must not turn again with the rounding.
            drawn[: tries - 1] = guess[: tries - 1]
        if part is None:
            settled, kept = drawn, logits
        else:
            settled.index_copy_(1, part, drawn)
            kept.index_copy_(1, part, logits)
        if drawn.equal(guess):
            return settled, kept, tries
        moving = (drawn != guess).flatten(2).any(2).any(0).nonzero().squeeze(1)
        guess = drawn
        if len(moving) < drawn.shape[1]:
            part = moving if part is None else part[moving]
            guess, uniforms = drawn.index_select(1, moving), uniforms.index_select(1, moving)


def _draw(
    model: PixelCNN,
    levels: Tensor,
    rows: int,
    label: Label,
    temperature: float,
    seed: int | None,
    count: int = 1,
) -> Samples:
    """Draw the uniforms, the class where none is given, and then the rows below the given ones."""
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature must be finite and 0 or more, got {temperature}.")
    if seed is None:
        seed = int(torch.randint(2**31, ()))
    # On the CPU whatever the device, so that a seed means the same digits everywhere.
    generator = torch.Generator().manual_seed(seed)
    uniforms = torch.rand(levels.shape, generator=generator).to(model.device)
    if label is None and model.num_classes:
        posterior = digit_posterior(model, levels[::count], rows=rows).cpu()
        cdf = posterior.repeat_interleave(count, 0).cumsum(-1)[:, :-1]
        label = (cdf <= torch.rand(len(levels), 1, generator=generator)).sum(-1)
    levels, label = levels.to(model.device), model.expand_label(label, len(levels))
    levels, logits, passes = draw_fast(
        model, levels, uniforms, label, rows=rows, temperature=temperature
    )
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
