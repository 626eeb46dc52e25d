"""The fast sampler: from uniforms to images, row by row.

1. What a row takes from the rows above is computed once a row, on cached features.
2. The row is guessed (as the row above), its logits are computed for all columns at once, and every
   pixel is set to the inverse CDF of its uniform; this repeats until nothing changes. Left of the
   first change everything is final already, so it ends after at most W passes, and where it ends
   every pixel is the ancestral draw for its uniform. (Jacobi iteration on a triangular system: Song et
   al. 2021, arXiv:2002.03629, here row by row.) Rows of a batch that have converged leave it.
3. Above its first ink every digit of a class is the same, so that those rows are looked up.
"""

import torch
from torch import Tensor

from pixelcnn.data.pixels import to_input
from pixelcnn.density.likelihood import Categorical
from pixelcnn.density.model import PixelCNN
from pixelcnn.sampling.blank import BlankRows
from pixelcnn.sampling.draft import Draft, Drawn
from pixelcnn.sampling.rows import RowWeights, start_rows


def sweep(model: PixelCNN, weights: RowWeights, blank: BlankRows, draft: Draft) -> Drawn:
    """Draw one batch from top to bottom. Call it in inference mode.

    Args:
        model: in eval mode.
        weights, blank: of this model; a `Sampler` owns them.
        draft: on the device of the model.
    """
    c, rows = model.config, draft.rows
    # Rows and columns first, as `Rows` has them.
    levels = draft.levels.long().permute(2, 3, 0, 1).clone()
    levels[rows:] = 0
    uniforms = draft.uniforms.permute(2, 3, 0, 1)
    shape = (c.height - rows, *levels.shape[1:], model.likelihood.parameters)
    logits = torch.empty(shape, dtype=model.dtype, device=model.device)
    known, start = None, rows
    if not levels[:rows].any():
        known, start = blank, _blank_until(model, blank, logits, draft)
    passes = [0] * (start - rows)
    given = to_input(levels[:start], c.levels, model.dtype).permute(2, 0, 1, 3)
    sweep = start_rows(weights, given, draft.condition, c.height, known)
    for i in range(start, c.height):
        sweep.prepare_row()
        guess = levels[i - 1] if i else levels[0]
        row = _Row(guess, uniforms[i], draft.temperature)
        while not row.settled:
            x = to_input(row.guess, c.levels, model.dtype)
            row.update(sweep.row(x, row.moving), model.likelihood)
        levels[i], logits[i - rows] = row.levels, row.logits
        sweep.push(to_input(row.levels, c.levels, model.dtype))
        passes.append(row.passes)
    return Drawn(levels.permute(2, 3, 0, 1), logits.permute(2, 3, 0, 1, 4), passes)


def _blank_until(model: PixelCNN, blank: BlankRows, logits: Tensor, draft: Draft) -> int:
    """The first row below blank ones with ink in any image of a batch; fills in the logits above it."""
    index = blank.index(draft.condition, len(draft))
    uniforms = draft.uniforms.permute(2, 3, 0, 1)
    height, width, batch, channels = uniforms.shape
    for i in range(draft.rows, height):
        row = blank.logits[:, i][index].view(batch, width, channels, -1).transpose(0, 1)
        if model.likelihood.draw(row, uniforms[i], draft.temperature).any():
            return i
        logits[i - draft.rows] = row
    return height


class _Row:
    """One row of a batch on its way to the fixed point.

    Invariant: after n passes the first n - 1 pixels of every image are final, and an image whose last pass
    changed nothing is final whole. `moving` are the others.

    Args:
        guess: (W, B, C) levels.
        uniforms: (W, B, C).
        temperature: of the draw.
    """

    def __init__(self, guess: Tensor, uniforms: Tensor, temperature: float) -> None:
        self.guess = guess  # of the moving images (W, n, C)
        self.moving: Tensor | None = None  # which images those are, (n,); None: all of them
        self.settled = False
        self.passes = 0
        self.levels = torch.empty_like(guess)  # of all images, as drawn last
        self.logits: Tensor  # (W, B, C, P), that they were drawn from
        self._uniforms, self._temperature = uniforms, temperature

    def update(self, logits: Tensor, likelihood: Categorical) -> None:
        """Take in the logits (W, n, out) of a guess: draw, and see which images still move."""
        logits = logits.view(*self.guess.shape, -1)
        drawn = likelihood.draw(logits, self._uniforms, self._temperature)
        # Final since the pass before; a draw on a boundary must not turn again with the rounding.
        drawn[: self.passes] = self.guess[: self.passes]
        self.passes += 1
        if self.moving is None:
            self.levels, self.logits = drawn, logits
        else:
            self.levels.index_copy_(1, self.moving, drawn)
            self.logits.index_copy_(1, self.moving, logits)
        changed = (drawn != self.guess).flatten(2).any(2).any(0)  # (n,)
        self.guess = drawn
        if not changed.all():
            self._keep(changed.nonzero().squeeze(1))

    def _keep(self, changed: Tensor) -> None:
        """Let the images leave that did not change."""
        self.settled = not len(changed)
        self.moving = changed if self.moving is None else self.moving[changed]
        self.guess = self.guess.index_select(1, changed)
        self._uniforms = self._uniforms.index_select(1, changed)
