"""How usual a drawing is: its likelihood, ranked among those of drawings that the model was not fitted to.

-log p of the rows given depends on how many they are, so there is a ranking for every number of rows. The
likelihood alone says little of an image: two images of one kind may differ by tens of nats. Its quantile says
how many drawings of digits are as improbable (Nalisnick et al. 2019, arXiv:1906.02994, section 3, test
typicality of batches; this is the one-sided test of a single image).
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from pixelcnn.density.model import PixelCNN
from pixelcnn.density.reference import SHARES, Reference
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


def measure_reference(
    model: PixelCNN, batches: Iterable[Tensor], *, weights_sha256: str = ""
) -> Reference:
    """Rank drawings of digits that the model was not fitted to.

    Args:
        model: in eval mode.
        batches: levels (B, C, H, W) of the drawings: free-hand ones, if the model knows two hands.
        weights_sha256: of the model's file.
    """
    freehand = model.config.freehand
    nats = torch.cat([nats_by_rows(model, levels, freehand=freehand) for levels in batches])
    quantiles = nats.quantile(torch.tensor(SHARES, dtype=nats.dtype, device=nats.device), dim=0)
    return Reference(quantiles.T.float().cpu(), freehand, len(nats), weights_sha256)


def typicality(model: PixelCNN, levels: Tensor, rows: int) -> Tensor:
    """How usual the first rows of drawings are, among drawings of digits.

    Args:
        model: in eval mode, with a reference: weights that `python -m pixelcnn.calibrate` has measured.
        levels: (B, C, H, W) integers 0..K-1; what is below the given rows is ignored.
        rows: how many are given, 0 to H.

    Returns:
        (B,): the share of drawings of digits whose first rows are at least as improbable, 0 to 1. A model
        that knows two hands is asked in people's hand.

    Raises:
        ValueError: in one sentence, if the model has no reference, or an argument is out of range.
    """
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
    nats = nats_by_rows(model, given, freehand=reference.freehand)[:, rows]
    return reference.typicality(nats.float(), rows)
