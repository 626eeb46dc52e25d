"""The part of each image that is given, as a sampler takes it: what the model says of it before it draws."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pixelcnn.density.given import are_first_rows, check_given, first_rows, rows_mask
from pixelcnn.density.model import PixelCNN
from pixelcnn.foreign import whole


@dataclass(frozen=True)
class GivenPart:
    """Given pixels of images.

    Where the first rows are given, whole, everything is exact, and the conditioner is not used. Elsewhere it
    reads the given pixels, once per image.

    Args:
        model: in eval mode.
        levels: (B, C, H, W) integers 0..K-1, on the device of the model; those not given are ignored.
        mask: (B, 1, H, W) bool, true where a pixel is given.
        rows: how many are given, if these are the first ones of all images; otherwise None.
        freehand: the style of all images.
    """

    model: PixelCNN
    levels: Tensor
    mask: Tensor
    rows: int | None
    freehand: bool

    @classmethod
    def of(
        cls,
        model: PixelCNN,
        levels: Tensor,
        rows: int | None,
        given: Tensor | None,
        freehand: bool,
    ) -> "GivenPart":
        """Check what is given: either the first `rows`, or the pixels of the mask `given`.

        Raises:
            ValueError: in one sentence, if an argument is out of range, or the model cannot take this mask.
        """
        model.check_levels(levels)
        model.every_condition(freehand)  # refuses a style that the model does not know
        c = model.config
        if not len(levels):
            raise ValueError("levels must hold at least one image, got none.")
        if levels.shape[2] != c.height:
            raise ValueError(f"levels must have {c.height} rows, got {levels.shape[2]}.")
        if (rows is None) == (given is None):
            both = "neither" if rows is None else "both"
            raise ValueError(f"Say what is given by rows or by a mask, given: got {both}.")
        if rows is not None:
            mask = rows_mask(whole("rows", rows, 0, c.height), c.height, c.width)
            mask = mask.expand(len(levels), -1, -1, -1).to(model.device)
        else:
            assert given is not None
            mask = check_given(given, levels).to(model.device)
            rows = first_rows(mask)
            if not are_first_rows(mask).all():
                model.check_conditioner(levels)
        return cls(model, levels.to(model.device), mask, rows, freehand)

    @cached_property
    def _read(self) -> tuple[Tensor, Tensor | None]:
        return self.model.read_given(self.levels, self.mask, self.freehand)

    @property
    def features(self) -> Tensor | None:
        """Of the conditioner, (B, H, W, TERM_DIM); None where the model is exact without."""
        return None if self._exact.all() else self._read[0]

    @cached_property
    def _exact(self) -> Tensor:
        """Of which images the first rows are given, (B,) bool."""
        return are_first_rows(self.mask)

    def posterior(self) -> Tensor:
        """How probable each class is, (B, classes): exact for first rows, elsewhere what the head says."""
        model, rows = self.model, self.rows
        if rows == 0:
            shape = (len(self.levels), model.num_classes)
            return torch.full(shape, 1 / shape[1], dtype=model.dtype, device=model.device)
        if rows is not None:
            each = model.class_log_prob(self.levels[:, :, :rows], freehand=self.freehand)
            return each.sum((2, 3, 4)).softmax(-1)
        exact = self._exact
        posterior = torch.empty(len(exact), model.num_classes, dtype=model.dtype).to(exact.device)
        if exact.any():  # of different numbers of rows: the images are read whole
            each = model.class_log_prob(self.levels[exact], freehand=self.freehand)
            given = each.masked_fill(~self.mask[exact][:, None], 0)
            posterior[exact] = given.sum((2, 3, 4)).softmax(-1)
        if not exact.all():
            logits = self._read[1]
            assert logits is not None
            posterior[~exact] = logits[~exact].softmax(-1)
        return posterior
