"""What was recorded about weights: how they came about, losses, figures.

The figures lie in the folder of the weights that they were measured on. Stages and losses lie in the folder
of the run.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pixelcnn.foreign import parse_json, read_text
from pixelcnn.store.folder import LOG, METRICS, TRAINING
from pixelcnn.store.stages import Stage, Stages, read_stages

T = TypeVar("T")
Fields = dict[str, type | tuple[type, ...]]

# What they must hold. Weights of others bring their own files, and the page shows what is in them.
NUMBER = (int, float)
MEASURED: Fields = {
    "nats_per_image": NUMBER,
    "bits_per_dim": NUMBER,
    "images": int,
    "dataset": str,
    "split": str,
    "binarization": str,
    "levels": int,
}
LOGGED: Fields = {
    "epoch": int,
    "train_nats_per_image": NUMBER,
    "validation_nats_per_image": NUMBER,
}


@dataclass(frozen=True)
class Record:
    """What is known about weights; None where it was not recorded."""

    stages: Stages  # the stages that made them
    metrics: dict[str, Any] | None
    losses: list[dict[str, Any]]  # of the last run, one entry an epoch

    @property
    def trained(self) -> list[Stage]:
        """The stages that trained: the others are means."""
        return [stage for stage in self.stages if stage.settings]

    @property
    def dataset(self) -> str | None:
        """The name of the data that the weights were fitted to, in the end."""
        return self._known("dataset")

    @property
    def binarization(self) -> str | None:
        """How its greys became levels."""
        return self._known("binarization")

    def _known(self, setting: str) -> str | None:
        if self.trained:
            return (self.trained[-1].settings or {}).get(setting)
        return (self.metrics or {}).get(setting)


def read_record(weights: Path, run: Path, *, strict: bool = True) -> Record:
    """Read what lies beside the weights, and in the folder of the run.

    Args:
        weights: the folder of the weights.
        run: the folder of the run; the same, if there is none.
        strict: refuse a damaged file; else it counts as missing, with a warning.

    Raises:
        ValueError: in one sentence, if a file is damaged.
    """

    def known(read: Callable[[], T], nothing: T) -> T:
        try:
            return read()
        except ValueError as error:
            if strict:
                raise
            warnings.warn(f"{error} It is left out.", stacklevel=3)
            return nothing

    return Record(
        stages=known(lambda: _stages(run), ()),
        metrics=known(lambda: _metrics(weights), None),
        losses=known(lambda: _losses(run), []),
    )


def _stages(run: Path) -> Stages:
    stages = read_stages(run)
    for stage in stages:
        for setting in ("dataset", "binarization"):
            if stage.settings and not isinstance(stage.settings.get(setting), str):
                raise ValueError(f"{run / TRAINING} lacks the {setting} of a stage.")
    return stages


def _metrics(weights: Path) -> dict[str, Any] | None:
    path = weights / METRICS
    return _checked(path, read_text(path), MEASURED) if path.is_file() else None


def _losses(run: Path) -> list[dict[str, Any]]:
    lines = read_text(run / LOG).splitlines() if (run / LOG).is_file() else []
    return [_checked(run / LOG, line, LOGGED) for line in lines]


def _checked(path: Path, text: str, fields: Fields) -> dict[str, Any]:
    """The JSON object that a text holds."""
    value = parse_json(text, path)
    if not isinstance(value, dict):
        raise ValueError(f"{path} must hold JSON objects.")
    for name, kind in fields.items():
        if not isinstance(value.get(name), kind):
            raise ValueError(f"{path} is not what this project writes: {name} is wrong or missing.")
    return value
