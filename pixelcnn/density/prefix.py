"""What a network knows of the first rows of an image, kept for other images that begin alike."""

import torch
from torch import Tensor

from pixelcnn.density.networks import Above, GatedNetwork, ResidualNetwork

Network = GatedNetwork | ResidualNetwork


class KnownRows:
    """The first rows of one image, and what a network makes of them as each class.

    Of another image that begins like this one, only the rows below need be computed. Above their first ink
    all images are the same: see `PixelCNN.blank`.

    Args:
        network: whose weights are used.
        x: (rows, W, C) network input.
        num_classes: 0 for none.
        known: other rows, with which these may begin.
    """

    def __init__(
        self, network: Network, x: Tensor, num_classes: int, known: "KnownRows | None" = None
    ) -> None:
        self.x = x
        batch = max(1, num_classes)
        label = torch.arange(num_classes, device=x.device) if num_classes else None
        shared = 0 if known is None else known.shared(x)
        self.logits: Tensor  # (classes or 1, rows, W, out)
        # Of each block, what its convolution of earlier rows reads: (classes or 1, rows, W, D).
        self.features: list[Tensor] = []
        if known is not None and shared == len(x):
            self.logits = known.logits[:, :shared]
            self.features = [each[:, :shared] for each in known.features]
            return
        above = known.above(shared, slice(None), batch) if known is not None and shared else None
        below = x[shared:].expand(batch, -1, -1, -1)
        self.logits = network(below, label, above, self.features)
        if above is not None and known is not None:
            self.logits = torch.cat([known.logits[:, :shared], self.logits], 1)
            pairs = zip(above.features, self.features, strict=True)
            self.features = [torch.cat(pair, 1) for pair in pairs]

    def shared(self, x: Tensor) -> int:
        """How many of its first rows an image (rows, W, C) has in common with this one."""
        rows = min(len(x), len(self.x))
        same = (x[:rows] == self.x[:rows]).flatten(1).all(1)
        return int(same.long().cumprod(0).sum())

    def which(self, label: Tensor | None, batch: int) -> Tensor:
        """As which class each of a batch has these rows. Shape (B,)."""
        return self.logits.new_zeros(batch, dtype=torch.long) if label is None else label

    def above(self, rows: int, which: Tensor | slice, batch: int) -> Above:
        """The first of these rows, for a batch of images that begin with them; see `which`."""
        features = [each[which, :rows] for each in self.features]
        return Above(self.x[:rows].expand(batch, -1, -1, -1), features)
