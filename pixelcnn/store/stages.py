"""How weights came about: `training.json`, a list of stages.

A stage trains, or takes the mean of weights. It begins with random weights, or with the results of earlier
stages, which come before it in the list. Weights are named by the SHA-256 of their file.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from pixelcnn.files import write_whole
from pixelcnn.foreign import read_json
from pixelcnn.store.folder import TRAINING, locate, run_of, sha256


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Weights that a stage began with, or took a mean of."""

    sha256: str | None  # None where the file was not kept
    # Which stage of the list made them, counted from 1; None where that was not recorded.
    stage: int | None
    share: float = 1.0  # in a mean


@dataclass(frozen=True, kw_only=True)
class Result:
    """Weights that a stage made."""

    sha256: str | None
    epoch: int | None = None  # of this stage; None for a mean
    validation_nats_per_image: float | None = None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of a history."""

    origins: tuple[Origin, ...]  # none: random weights; several: their mean
    # The TrainConfig, with the precision that was used; None for a mean.
    settings: dict[str, Any] | None
    model: dict[str, Any] | None  # the ModelConfig: dropout may differ between stages
    epochs: int  # that were finished
    results: tuple[Result, ...]  # that were kept

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Undo `asdict`.

        Raises:
            TypeError, KeyError: if it is something else.
        """
        origins = tuple(Origin(**each) for each in values["origins"])
        results = tuple(Result(**each) for each in values["results"])
        if not all(isinstance(values[key], dict | None) for key in ("settings", "model")):
            raise TypeError("settings and model are objects or null")
        return cls(**{**values, "origins": origins, "results": results})


Stages = tuple[Stage, ...]


def read_stages(folder: Path) -> Stages:
    """The stages that a folder tells of; none if it tells nothing.

    Raises:
        ValueError: in one sentence, if the file is damaged.
    """
    path = folder / TRAINING
    if not path.is_file():
        return ()
    try:
        values = read_json(path)
        if "stages" not in values:  # before there were stages: the settings of the last one
            return (Stage(origins=(), settings=values, model=None, epochs=0, results=()),)
        return tuple(map(Stage.from_dict, values["stages"]))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is not what this project writes ({error}).") from error


def write_stages(stages: Stages, folder: Path) -> None:
    """Write `training.json`."""
    text = json.dumps({"stages": [asdict(stage) for stage in stages]}, indent=2)
    write_whole(folder / TRAINING, f"{text}\n".encode())


def stages_before(weights: Path, share: float = 1.0) -> tuple[Stages, Origin]:
    """What a stage that begins with the weights in a folder builds on.

    Returns:
        the stages that made them, and the weights as an origin.

    Raises:
        FileNotFoundError, ValueError: in one sentence, if there are none, or their record is damaged.
    """
    weights, run = locate(weights)
    stages, name = read_stages(run), sha256(weights)
    known = [n for n, stage in enumerate(stages, 1) if name in {r.sha256 for r in stage.results}]
    stages = stages[: known[-1]] if known else ()
    return stages, Origin(sha256=name, stage=known[-1] if known else None, share=share)


def joined(stages: Stages, more: Stages) -> tuple[Stages, list[int]]:
    """One list of two, in which every stage stands once.

    Returns:
        the list, and where each stage of `more` stands in it, counted from 1.
    """
    both = list(stages)
    places: list[int] = []
    for stage in more:
        stage = replace(stage, origins=tuple(moved(each, places) for each in stage.origins))
        if stage not in both:
            both.append(stage)
        places.append(both.index(stage) + 1)
    return tuple(both), places


def moved(origin: Origin, places: list[int]) -> Origin:
    """An origin where the stages stand at new places."""
    return origin if origin.stage is None else replace(origin, stage=places[origin.stage - 1])


def check_stages(stages: Stages, weights: Path) -> None:
    """Refuse to say of weights what is true of others.

    Raises:
        ValueError: in one sentence, if the last stage made other weights.
    """
    made = {result.sha256 for result in stages[-1].results} if stages else set()
    if made and None not in made and sha256(weights) not in made:
        raise ValueError(
            f"{run_of(weights) / TRAINING} tells of other weights than those in {weights}:"
            " remove it, or put the weights back."
        )
