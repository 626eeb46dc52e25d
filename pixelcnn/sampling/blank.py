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
        self._ready = torch.zeros(max(1, model.config.num_conditions), dtype=torch.bool)
        self.logits: Tensor  # (conditions or 1, H, W, out)
        # For each block what its convolution of earlier rows reads: (conditions or 1, H, W, D).
        self.features: list[Tensor]

    def index(self, condition: Tensor | None, batch: int) -> Tensor:
        """Where each image of a batch is in `logits` and `features`, (B,). Computes what is missing."""
        index = torch.zeros(batch, dtype=torch.long) if condition is None else condition.cpu()
        with self._filling:
            if not self._ready[index].all():
                self._fill(index[~self._ready[index]].unique())
        return index.to(self._model.device)

    def _fill(self, conditions: Tensor) -> None:
        model, c = self._model, self._model.config
        blank = torch.zeros(1, c.in_channels, c.height, c.width, dtype=torch.long)
        x = model.to_input(blank.to(model.device)).expand(len(conditions), -1, -1, -1)
        told = conditions.to(model.device) if c.num_conditions else None
        features: list[Tensor] = []
        logits = model.network(x, told, read=features)
        if not self._ready.any():
            shape = len(self._ready), *logits.shape[1:]
            self.logits = logits.new_zeros(shape)
            self.features = [f.new_zeros(len(self._ready), *f.shape[1:]) for f in features]
        for whole, part in zip((self.logits, *self.features), (logits, *features), strict=True):
            whole[conditions.to(model.device)] = part
        self._ready[conditions] = True
