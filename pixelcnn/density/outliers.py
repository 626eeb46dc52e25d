"""What is no digit, as one condition more: embeddings that are kept beside the weights, not in them.

A network is told a class in a hand by an embedding in each block. Embeddings of drawings that are no digits
make another density of the same network, to which nothing else changes. The ratio of both densities tells
what is like a digit, where the density of digits alone tells little: it is as high for a short stroke as for
a digit (Ren et al. 2019, arXiv:1906.02845, section 3).
"""

import torch
from torch import Tensor
from torch.func import functional_call

from pixelcnn.density.model import CHUNK, PixelCNN
from pixelcnn.density.reference import Embeddings

_NETWORK = "network."  # before the names of its weights


def mean_embeddings(model: PixelCNN) -> Embeddings:
    """The mean over all conditions that the model knows; nothing, if it is told nothing."""
    return {
        name: weight.detach().mean(0)
        for name, weight in model.named_parameters()
        if name.endswith(".embedding.weight")
    }


def outlier_log_prob(model: PixelCNN, levels: Tensor, embeddings: Embeddings) -> Tensor:
    """Log-probability of every sub-pixel of what is no digit.

    Args:
        model: that the embeddings were fitted to.
        levels: (B, C, H, W) integers 0..K-1; the first rows alone will do.
        embeddings: one for each embedding of the model.

    Returns:
        (B, C, H, W) in nats.
    """
    table = {
        name.removeprefix(_NETWORK): row[None].to(model.device, model.dtype)
        for name, row in embeddings.items()
    }
    parts = []
    for part in levels.split(CHUNK):
        told = torch.zeros(len(part), dtype=torch.long, device=model.device)
        logits = functional_call(model.network, table, (model.to_input(part), told))
        parts.append(model.likelihood.log_prob(model.split_logits(logits), part))
    return torch.cat(parts)
