"""The mean of weights: where one run began where another ended, their mean may be the better model."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import torch

from pixelcnn.store.folder import load_folder, locate, save, sha256
from pixelcnn.store.stages import (
    Result,
    Stage,
    Stages,
    joined,
    moved,
    stages_before,
    write_stages,
)


def mean_weights(shares: Mapping[Path, float], out: Path) -> None:
    """Write the weighted mean of models, and in `training.json` what it is the mean of.

    Args:
        shares: folder to share, together 1. A folder holds a model, or a run: then its best weights count.
        out: a new folder.

    Raises:
        ValueError, OSError: in one sentence, if a folder holds no model, or another than the first, or the
            shares do not add up to 1, or `out` is there.

    Example:
        >>> mean_weights({Path("runs/a"): 0.3, Path("runs/b"): 0.3}, Path("runs/mean"))
        Traceback (most recent call last):
        ValueError: The shares must add up to 1, got 0.6.
    """
    total = sum(shares.values())
    if abs(total - 1) > 1e-9:
        raise ValueError(f"The shares must add up to 1, got {total:g}.")
    if out.exists():
        raise ValueError(f"{out} is there: give a new folder.")
    models = {folder: load_folder(locate(folder)[0]) for folder in shares}
    first = next(iter(models.values()))
    for folder, other in models.items():
        if dataclasses.replace(other.config, dropout=first.config.dropout) != first.config:
            raise ValueError(f"{folder} holds another model than {next(iter(shares))}.")
    stages: Stages = ()
    origins = []
    for folder, share in shares.items():
        before, origin = stages_before(folder, share)
        stages, places = joined(stages, before)
        origins.append(moved(origin, places))
    with torch.no_grad():
        for together in zip(*(model.parameters() for model in models.values()), strict=True):
            parts = zip(shares.values(), together, strict=True)
            together[0].copy_(sum(share * weight for share, weight in parts))
    save(first, out)
    mean = Stage(
        origins=tuple(origins),
        settings=None,
        model=first.config.to_dict(),
        epochs=0,
        results=(Result(sha256=sha256(out)),),
    )
    write_stages((*stages, mean), out)
