"""The fast sampler: from uniforms to images, row by row.

1. What a row takes from the rows above is computed once a row, on cached features.
2. The row is guessed (as the row above), its logits are computed for all columns at once, and every
   pixel is set to the inverse CDF of its uniform; this repeats until nothing changes. Left of the
   first change everything is final already, so it ends after at most W + 1 passes, and where it ends
   every pixel is the ancestral draw for its uniform. (Jacobi iteration on a triangular system: Song et
   al. 2021, arXiv:2002.03629, here row by row.) Rows of a batch that have converged leave it.
3. Above its first ink every digit of a class is the same, so that those rows are looked up.
4. Given pixels keep their levels, and rows without missing pixels take no pass.
"""

import torch
from torch import Tensor

from pixelcnn.data.pixels import to_input
from pixelcnn.density.likelihood import Categorical
from pixelcnn.density.model import PixelCNN
from pixelcnn.sampling.blank import BlankRows
from pixelcnn.sampling.draft import Draft, Drawn
from pixelcnn.sampling.rows import Rows, RowWeights, start_rows


def sweep(model: PixelCNN, weights: RowWeights, blank: BlankRows, draft: Draft) -> Drawn:
    """Draw one batch from top to bottom. Call it in inference mode.

    The conditioner's terms reach as many rows in all images of the batch. Below them, the rows above are
    known, and the network alone draws the others.

    Args:
        model: in eval mode.
        weights, blank: of this model; a `Sampler` owns them.
        draft: on the device of the model.
    """
    sweep = _Sweep(model, weights, blank, draft)
    height, start, reached = model.config.height, sweep.first, int(draft.rows_reached().max())
    if start < reached:
        sweep.draw_rows(start, reached, draft.features)
        start = reached
    sweep.draw_rows(start, height, None)
    return Drawn(
        sweep.levels.permute(2, 3, 0, 1), sweep.logits.permute(2, 3, 0, 1, 4), sweep.passes
    )


class _Sweep:
    """The rows of a batch as they are drawn. Rows and columns come first, as `Rows` has them.

    Args: as for `sweep`.
    """

    def __init__(
        self, model: PixelCNN, weights: RowWeights, blank: BlankRows, draft: Draft
    ) -> None:
        self.model, self.weights, self.blank, self.draft = model, weights, blank, draft
        given = draft.mask
        self.levels = draft.levels.long().masked_fill(~given, 0).permute(2, 3, 0, 1).clone()
        self.given = given.permute(2, 3, 0, 1)  # (H, W, B, 1)
        self.uniforms = draft.uniforms.permute(2, 3, 0, 1)
        shape = (*self.levels.shape, model.likelihood.parameters)
        self.logits = torch.zeros(shape, dtype=model.dtype, device=model.device)
        self.passes = [0] * model.config.height
        whole = self.given.flatten(1).all(1).tolist()
        self.whole = whole  # rows of which no image misses a pixel
        self.first = whole.index(False) if False in whole else len(whole)

    def draw_rows(self, start: int, stop: int, features: Tensor | None) -> None:
        """Draw the missing pixels of some rows, below rows that are known."""
        model, c = self.model, self.model.config
        known = None
        if features is None and not self.levels[:start].any():
            known = self.blank
            start = self._skip_blank(start, stop)
        if all(self.whole[start:stop]):
            return
        above = to_input(self.levels[:start], c.levels, model.dtype).permute(2, 0, 1, 3)
        rows = start_rows(self.weights, above, self.draft.condition, c.height, known, features)
        for i in range(start, stop):
            rows.prepare_row()
            if self.whole[i]:
                rows.give(to_input(self.levels[i], c.levels, model.dtype))
                continue
            self._draw_row(rows, i)
            rows.push(to_input(self.levels[i], c.levels, model.dtype))

    def _draw_row(self, rows: Rows, i: int) -> None:
        model, given = self.model, self.given[i]
        some = bool(given.any())
        guess = self.levels[i - 1] if i else self.levels[0]
        row = _Row(guess, self.uniforms[i], self.draft.temperature)
        if some:
            row.fix(given, self.levels[i])
        while not row.settled:
            x = to_input(row.guess, model.config.levels, model.dtype)
            row.update(rows.row(x, row.moving), model.likelihood)
        self.levels[i], self.passes[i] = row.levels, row.passes
        self.logits[i] = row.logits.masked_fill(given[..., None], 0) if some else row.logits

    def _skip_blank(self, start: int, stop: int) -> int:
        """The first row with ink or a given pixel in any image; fills in the logits above it."""
        model, draft = self.model, self.draft
        index = self.blank.index(draft.condition, len(draft))
        _, width, batch, channels = self.uniforms.shape
        for i in range(start, stop):
            row = self.blank.logits[:, i][index].view(batch, width, channels, -1).transpose(0, 1)
            drawn = model.likelihood.draw(row, self.uniforms[i], draft.temperature)
            if drawn.any() or self.given[i].any():
                return i
            self.logits[i] = row
        return stop


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
        self._given: tuple[Tensor, Tensor] | None = None

    def fix(self, given: Tensor, levels: Tensor) -> None:
        """Let given pixels, (W, B, 1) bool, keep their levels (W, B, C)."""
        self._given = given, levels
        self.guess = torch.where(given, levels, self.guess)

    def update(self, logits: Tensor, likelihood: Categorical) -> None:
        """Take in the logits (W, n, out) of a guess: draw, and see which images still move."""
        logits = logits.view(*self.guess.shape, -1)
        drawn = likelihood.draw(logits, self._uniforms, self._temperature)
        if self._given is not None:
            drawn = torch.where(*self._given, drawn)
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
        if self._given is not None:
            given, levels = self._given
            self._given = given.index_select(1, changed), levels.index_select(1, changed)
