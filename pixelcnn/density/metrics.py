"""Negative log-likelihoods of whole splits: nats per image and bits per dim.

Nats are summed in float64 and divided once. Bits per dim are nats per sub-pixel / log 2.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelcnn.density.model import PixelCNN
from pixelcnn.distributed import ALONE, World


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Likelihood of a set of images, single model."""

    nats_per_image: float  # of the mixture over classes, where there are classes
    nats_per_image_given_class: float | None  # None without classes, or labels
    bits_per_dim: float  # from nats_per_image
    images: int


def bits_per_dim(nats_per_image: float, dims: int) -> float:
    """Convert nats per image of `dims` sub-pixels.

    Example:
        >>> round(bits_per_dim(54.34, 784), 4)
        0.1
    """
    return nats_per_image / dims / math.log(2)


@torch.inference_mode()
def evaluate(
    model: PixelCNN,
    levels: Tensor,
    labels: Tensor | None,
    batches: Iterable[Tensor],
    world: World = ALONE,
) -> Evaluation:
    """Measure the exact likelihood of images.

    Args:
        model: in eval mode.
        levels: (N, C, H, W) integers 0..K-1.
        labels: (N,), or None where there are none.
        batches: the indices 0..N-1 in parts; a progress bar may sit here. Of several processes each has its
            own parts.
        world: those processes.

    Returns:
        The means over the N images.

    Raises:
        LostError: in one sentence, if another process has ended.
    """
    mixture = given = 0.0
    for index in batches:
        batch = levels[index].long()
        if model.num_classes:
            each = model.class_log_prob(batch).double().sum((2, 3, 4))  # (B, classes)
            mixture -= float(each.logsumexp(1).sum()) - len(batch) * math.log(model.num_classes)
            if labels is not None:
                given -= float(each.gather(1, labels[index][:, None]).sum())
        else:
            mixture -= float(model.log_prob(batch).double().sum())
    knows_class = bool(model.num_classes) and labels is not None
    sums = torch.tensor([mixture, given], dtype=torch.float64, device="cpu")
    mixture, given = world.add_up([sums])[0].tolist()
    nats = mixture / len(levels)
    return Evaluation(
        nats_per_image=nats,
        nats_per_image_given_class=given / len(levels) if knows_class else None,
        bits_per_dim=bits_per_dim(nats, levels[0].numel()),
        images=len(levels),
    )
