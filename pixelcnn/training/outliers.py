"""Fit the condition of what is no digit: see `density/outliers.py`. The weights stay as they are."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from pixelcnn.config import Precision
from pixelcnn.density.model import PixelCNN
from pixelcnn.density.outliers import mean_embeddings, outlier_log_prob
from pixelcnn.density.reference import Embeddings
from pixelcnn.devices import autocast
from pixelcnn.refusals import extra

with extra("train"):
    from tqdm import tqdm

LR = 0.02  # of Adam at first; it falls to zero in a line


def fit_outliers(
    model: PixelCNN, batches: Sequence[Tensor], *, precision: Precision = "auto"
) -> Embeddings:
    """Fit embeddings by maximum likelihood, from the mean of those that the model has.

    Args:
        model: in eval mode.
        batches: levels (B, C, H, W) of drawings that are no digits.
        precision: of products.

    Returns:
        the embeddings; empty, if the model is told nothing.
    """
    embeddings = {name: row.requires_grad_() for name, row in mean_embeddings(model).items()}
    if not embeddings:
        return {}
    network = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.Adam(embeddings.values(), lr=LR)
    progress = tqdm(batches, "what is no digit", unit="step", disable=None)
    for k, levels in enumerate(progress):
        optimizer.param_groups[0]["lr"] = LR * (1 - k / len(batches))
        with torch.enable_grad(), autocast(model.device, precision):
            log_prob = outlier_log_prob(network, levels.to(model.device).long(), embeddings)
        optimizer.zero_grad()
        (-log_prob.mean()).backward()
        optimizer.step()
    return {name: row.detach().cpu() for name, row in embeddings.items()}
