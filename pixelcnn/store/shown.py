"""What the page fetches of a model: its files, those of its run, and a card, in one folder."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from pixelcnn.density.model import PixelCNN
from pixelcnn.store.folder import (
    CARD,
    CONFIG,
    CURVES,
    LOG,
    METRICS,
    TRAINING,
    TYPICALITY,
    WEIGHTS,
    grids,
    load_folder,
    run_of,
)
from pixelcnn.store.history import paragraphs
from pixelcnn.store.names import find_models
from pixelcnn.store.record import read_record

OF_WEIGHTS = (CONFIG, WEIGHTS, METRICS, TYPICALITY)
OF_RUN = (TRAINING, LOG, CURVES)


def find_shown(
    sources: Iterable[str | Path], place: Path
) -> tuple[dict[str, Path], dict[str, PixelCNN], list[str]]:
    """The models that the page can show.

    Args:
        sources: each as `find_models` takes it.
        place: an empty folder, for copies of what does not lie in one folder yet.

    Returns:
        folders by a name that can be part of an address, the models, and a sentence on each left out.

    Raises:
        OSError, ValueError: in one sentence, if a source is none, or no model can be shown.
    """
    folders: dict[str, Path] = {}
    models: dict[str, PixelCNN] = {}
    refusals: list[Exception] = []
    for source in sources:
        for called, weights in find_models(source).items():
            try:
                model = load_shown(weights)
            except (OSError, ValueError) as error:
                refusals.append(error)
                continue
            name = _free_name(called, folders)
            folders[name], models[name] = _gathered(called, weights, place / name), model
    if not models:
        raise refusals[0]
    return folders, models, [str(each) for each in refusals]


def load_shown(weights: Path) -> PixelCNN:
    """A model that the page can show.

    Raises:
        OSError, ValueError: in one sentence, if it cannot be loaded, or has several channels.
    """
    model = load_folder(weights)
    if model.config.in_channels != 1:
        raise ValueError(f"The page shows images of one channel, which those of {weights} are not.")
    return model


def _free_name(called: str, taken: Iterable[str]) -> str:
    """A name for an address, which no other model has."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", called).strip("-.") or "model"
    return next(
        each for each in (name, *(f"{name}-{k}" for k in range(2, 10_000))) if each not in taken
    )


def _gathered(called: str, weights: Path, place: Path) -> Path:
    """The folder of the weights, if all lies there, or else copies in `place`."""
    run = run_of(weights)
    if run == weights and (weights / CARD).is_file():
        return weights
    place.mkdir(parents=True)
    paths = [weights / name for name in OF_WEIGHTS] + [run / name for name in OF_RUN]
    for path in (*paths, *grids(run).values(), run / CARD):
        if path.is_file():
            shutil.copy(path, place)
    if not (place / CARD).is_file():
        told = paragraphs(read_record(weights, run, strict=False).stages)
        text = "\n\n".join([f"# {called}", *(told or ["How it was trained was not recorded."])])
        (place / CARD).write_text(f"{text}\n", encoding="utf-8")
    return place
