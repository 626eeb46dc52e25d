"""The fast sampler: from uniforms to images, row by row.

1. What a row takes from the rows above is computed once a row, on cached features.
2. The row is guessed (as the row above), its logits are computed for all columns at once, and every
   pixel is set to the inverse CDF of its uniform; this repeats until nothing changes. Left of the
   first change everything is final already, so it ends after at most W passes, and where it ends
   every pixel is the ancestral draw for its uniform. (Jacobi iteration on a triangular system: Song et
   al. 2021, arXiv:2002.03629, here row by row.) Rows of a batch that have converged leave it.
3. Above its first ink every digit of a class is the same, so that those rows are looked up.

On a CPU a large batch is divided among threads, and each operation takes one thread.
"""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from pixelcnn.derived import Blank
from pixelcnn.devices import one_thread_per_operation
from pixelcnn.model import PixelCNN
from pixelcnn.pixels import to_input
from pixelcnn.rows import Rows, start_rows

MIN_PART = 3  # images that are worth a thread of their own

# Levels (B, C, H, W), the logits of the rows drawn (B, C, H - rows, W, P), the passes of each of them.
Drawn = tuple[Tensor, Tensor, list[int]]


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
    """The same digits as `sampling.draw_naive`, by fixed-point iteration on each row.

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
    known = None if levels[:rows].any() else blank
    start = rows
    if known is not None:
        start = _blank_until(model, known, logits, uniforms, label, rows, temperature)
    levels[rows:start] = 0
    passes = [0] * (start - rows)
    given = to_input(levels[:start], c.levels, model.dtype).permute(2, 0, 1, 3)
    sweep = start_rows(model.network, given, label, c.height, known)
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
    logits: Tensor,
    uniforms: Tensor,
    label: Tensor | None,
    rows: int,
    temperature: float,
) -> int:
    """The first row below blank ones with ink in any image of a batch; fills in the logits above it."""
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
