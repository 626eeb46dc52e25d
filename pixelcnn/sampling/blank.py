"""A network's features and logits of a blank image: above its first ink every digit of a class has these."""

import threading

import torch
from torch import Tensor

from pixelcnn.density.model import PixelCNN


class BlankRows:
    """The rows of a blank image under each condition, computed when first asked for.

    Args:
        model: whose weights are used.
    """

    def __init__(self, model: PixelCNN) -> None:
        self._model = model
        self._filling = threading.Lock()
        self._ready = torch.zeros(
            max(1, model.config.num_conditions), dtype=torch.bool, device="cpu"
        )
        self.logits: Tensor  # (conditions or 1, H, W, out)
        # For each block what its convolution of earlier rows reads: (conditions or 1, H, W, D).
        self.features: list[Tensor]

    def index(self, condition: Tensor | None, batch: int) -> Tensor:
        """Where each image of a batch is in `logits` and `features`, (B,). Computes what is missing."""
        index = (
            torch.zeros(batch, dtype=torch.long, device="cpu")
            if condition is None
            else condition.cpu()
        )
        with self._filling:
            for missing in index[~self._ready[index]].unique():
                self._fill(missing[None])
        return index.to(self._model.device)

    def _fill(self, condition: Tensor) -> None:
        """Compute the rows of one condition, (1,).

        Always of one alone: in a batch its bits would depend on which others were missing, so on what was
        asked before; and with them a digit on a boundary, and the last decimal of its nats.
        """
        model, c = self._model, self._model.config
        blank = torch.zeros(1, c.in_channels, c.height, c.width, dtype=torch.long, device="cpu")
        told = condition.to(model.device) if c.num_conditions else None
        features: list[Tensor] = []
        logits = model.network(model.to_input(blank.to(model.device)), told, read=features)
        if not self._ready.any():
            self.logits, *self.features = (
                each.new_zeros(len(self._ready), *each.shape[1:]) for each in (logits, *features)
            )
        for whole, part in zip((self.logits, *self.features), (logits, *features), strict=True):
            whole[condition.to(model.device)] = part
        self._ready[condition] = True
