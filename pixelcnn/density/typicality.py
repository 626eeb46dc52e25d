"""How usual a drawing is: how surprising, ranked among drawings of digits that the model was not fitted to.

The surprise is -log p of the rows given, less that of what is no digit (`outliers.py`), where this is known:
a likelihood ratio. It depends on how many rows they are, so there is a ranking for every number of rows. The
value alone says little of an image: two images of one kind may differ by tens of nats. Its quantile says how
many drawings of digits are as surprising (Nalisnick et al. 2019, arXiv:1906.02994, section 3, test typicality
of batches; this is the one-sided test of a single image).
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from pixelcnn.density.model import PixelCNN, check_model
from pixelcnn.density.outliers import outlier_log_prob
from pixelcnn.density.reference import SHARES, Embeddings, Reference
from pixelcnn.foreign import whole


@torch.no_grad()
def nats_by_rows(model: PixelCNN, levels: Tensor, *, freehand: bool) -> Tensor:
    """-log p of the first rows of images, for every number of rows at once.

    Args:
        model: in eval mode.
        levels: (B, C, rows, W) integers 0..K-1.
        freehand: in which of the two hands.

    Returns:
        (B, rows + 1) nats, of the mixture over classes where there are classes; of 0 rows they are 0.
    """
    if model.num_classes:
        given_class = model.class_log_prob(levels, freehand=freehand)  # (B, classes, C, H, W)
        by_row = given_class.double().sum((2, 4)).cumsum(-1)
        joint = by_row.logsumexp(1) - math.log(model.num_classes)
    else:
        joint = model.log_prob(levels, freehand=freehand).double().sum((1, 3)).cumsum(-1)
    return torch.cat([joint.new_zeros(len(joint), 1), -joint], 1)


@torch.no_grad()
def surprise_by_rows(
    model: PixelCNN, levels: Tensor, *, freehand: bool, outliers: Embeddings
) -> Tensor:
    """-log p of the first rows of images, less that of what is no digit, for every number of rows at once.

    Args:
        model: in eval mode.
        levels: (B, C, rows, W) integers 0..K-1.
        freehand: in which of the two hands.
        outliers: the condition of what is no digit; if empty, nothing is subtracted.

    Returns:
        (B, rows + 1) nats; of 0 rows they are 0.
    """
    nats = nats_by_rows(model, levels, freehand=freehand)
    if outliers:
        each = outlier_log_prob(model, levels, outliers).double()
        nats[:, 1:] += each.sum((1, 3)).cumsum(-1)
    return nats


def measure_reference(
    model: PixelCNN,
    batches: Iterable[Tensor],
    *,
    outliers: Embeddings | None = None,
    weights_sha256: str = "",
) -> Reference:
    """Rank drawings of digits that the model was not fitted to.

    Args:
        model: in eval mode.
        batches: levels (B, C, H, W) of the drawings: free-hand ones, if the model knows two hands.
        outliers: the condition of what is no digit, if one was fitted.
        weights_sha256: of the model's file.
    """
    freehand, outliers = model.config.freehand, outliers or {}
    nats = torch.cat(
        [
            surprise_by_rows(model, levels, freehand=freehand, outliers=outliers)
            for levels in batches
        ]
    )
    quantiles = nats.quantile(torch.tensor(SHARES, dtype=nats.dtype, device=nats.device), dim=0)
    return Reference(quantiles.T.float().cpu(), freehand, len(nats), weights_sha256, outliers)


def typicality(model: PixelCNN, levels: Tensor, *, rows: int) -> Tensor:
    """How usual the first rows of drawings are, among drawings of digits.

    Args:
        model: in eval mode, with a reference: weights that `python -m pixelcnn.calibrate` has measured.
        levels: (B, C, H, W) integers 0..K-1; what is below the given rows is ignored.
        rows: how many are given, 0 to H.

    Returns:
        (B,): the share of drawings of digits whose first rows are at least as surprising, 0 to 1. A model
        that knows two hands is asked in people's hand.

    Raises:
        ValueError: in one sentence, if the model has no reference, or an argument is out of range.
    """
    check_model(model)
    if model.training:
        raise ValueError("typicality needs a model in eval mode: call model.eval() first.")
    reference = model.reference
    if reference is None:
        raise ValueError(
            "This model does not know what is usual: run python -m pixelcnn.calibrate on its folder."
        )
    model.check_levels(levels)
    whole("rows", rows, 0, levels.shape[2])
    given = levels[:, :, :rows].to(model.device)
    if rows == 0:
        return torch.ones(len(levels), device=model.device)
    nats = surprise_by_rows(model, given, freehand=reference.freehand, outliers=reference.outliers)
    return reference.typicality(nats[:, rows].float(), rows)
