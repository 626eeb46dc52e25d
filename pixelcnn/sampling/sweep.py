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
import torch.nn.functional as F
from torch import Tensor

from pixelcnn.data.pixels import to_input
from pixelcnn.density.model import PixelCNN
from pixelcnn.density.prefix import KnownRows
from pixelcnn.devices import one_thread_per_operation
from pixelcnn.sampling.rows import Rows, start_rows

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
    known: KnownRows | None = None,
    guess: Tensor | None = None,
) -> tuple[Tensor, Tensor, int]:
    """The same digits as `naive.draw_naive`, by fixed-point iteration on each row.

    Further arguments as for `draw_naive`.

    Args:
        known: the given rows as `PixelCNN.read` knows them, if those of all images are the same.
        guess: (B, C, H, W), what the images may be; the nearer, the fewer passes. None: each row as the one
            above it.

    Returns:
        levels (B, C, H, W); the logits of the rows drawn (B, C, H - rows, W, P); row passes.
    """

    def sweep(
        levels: Tensor, uniforms: Tensor, label: Tensor | None, guess: Tensor | None
    ) -> Drawn:
        return _sweep(model, known, levels, uniforms, label, guess, rows, temperature)

    if model.device.type != "cpu":
        levels, logits, passes = sweep(levels, uniforms, label, guess)
        return levels, logits, sum(passes)
    count = max(1, min(torch.get_num_threads(), len(levels) // MIN_PART))
    with one_thread_per_operation(), ThreadPoolExecutor(count) as pool:
        each = (
            [None] * count if part is None else part.tensor_split(count)
            for part in (levels, uniforms, label, guess)
        )
        whole = levels, uniforms, label, guess
        done = list(pool.map(sweep, *each)) if count > 1 else [sweep(*whole)]
    every_levels, every_logits, every_passes = zip(*done, strict=True)
    most = [max(row) for row in zip(*every_passes, strict=True)]
    return torch.cat(every_levels), torch.cat(every_logits), sum(most)


@torch.inference_mode()
def _sweep(
    model: PixelCNN,
    known: KnownRows | None,
    levels: Tensor,
    uniforms: Tensor,
    label: Tensor | None,
    guess: Tensor | None,
    rows: int,
    temperature: float,
) -> Drawn:
    """`draw_fast` of a part of a batch; the passes are those of each row."""
    c = model.config
    # Rows and columns first, as `Rows` has them, below a row of zeros.
    padded = F.pad(levels.long().permute(2, 3, 0, 1), (0,) * 6 + (1, 0))
    levels, uniforms = padded[1:], uniforms.permute(2, 3, 0, 1)
    guesses = padded[:-1] if guess is None else guess.long().permute(2, 3, 0, 1)
    shape = (c.height - rows, *levels.shape[1:], model.likelihood.parameters)
    logits = torch.empty(shape, dtype=model.dtype, device=model.device)
    start = rows
    if not levels[:rows].any():
        known = model.blank()
        start = _blank_until(model, known, logits, uniforms, label, rows, temperature)
    levels[rows:start] = 0
    passes = [0] * (start - rows)
    given = to_input(levels[:start], c.levels, model.dtype).permute(2, 0, 1, 3)
    sweep = start_rows(model.network, given, label, c.height, known)
    for i in range(start, c.height):
        sweep.above()
        row, logits[i - rows], tries = _settle(model, sweep, guesses[i], uniforms[i], temperature)
        levels[i] = row
        sweep.push(to_input(row, c.levels, model.dtype))
        passes.append(tries)
    return levels.permute(2, 3, 0, 1), logits.permute(2, 3, 0, 1, 4), passes


def _blank_until(
    model: PixelCNN,
    blank: KnownRows,
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
