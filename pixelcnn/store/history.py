"""How weights came about, in the words of a model card."""

from typing import Any

from pixelcnn.store.folder import TRAINING
from pixelcnn.store.sources import DATASETS
from pixelcnn.store.stages import Stage, Stages


def paragraphs(stages: Stages) -> list[str]:
    """Paragraphs on the stages that made the weights; none if they are not known.

    A sentence for each stage, then a table of the settings of those that trained.
    """
    if not stages:
        return []
    sentences = [f"{n}. {_sentence(stage)}" for n, stage in enumerate(stages, 1)]
    return [_method(stages), "\n".join(sentences), _table(stages)]


def _method(stages: Stages) -> str:
    muon = any((stage.settings or {}).get("optimizer") == "muon" for stage in stages)
    matrices = ", and Muon for the matrices inside the network," if muon else ""
    datasets = {(stage.settings or {}).get("dataset") for stage in stages if stage.settings}
    held_out = "5,000" if datasets <= DATASETS.keys() else "those"
    return (
        f"Maximum likelihood by Adam (decoupled weight decay){matrices} on the training images but for"
        f" {held_out} that are held out for validation."
    )


def _table(stages: Stages) -> str:
    trained = {n: stage.settings for n, stage in enumerate(stages, 1) if stage.settings}
    names = dict.fromkeys(name for settings in trained.values() for name in settings)
    heads = [f"stage {n}" for n in trained] if len(stages) > 1 else [""]
    rows = [
        f"| {name} | {' | '.join(plain(each.get(name, '')) for each in trained.values())} |"
        for name in names
    ]
    head = [f"| `{TRAINING}` | {' | '.join(heads)} |", f"| --- {'| --- ' * len(heads)}|"]
    return "\n".join([*head, *rows])


def _sentence(stage: Stage) -> str:
    origins = [
        "other weights, whose training was not recorded"
        if origin.stage is None
        else f"the weights of stage {origin.stage}"
        for origin in stage.origins
    ]
    if not stage.settings:
        pairs = zip(origins, stage.origins, strict=True)
        return "The mean of " + ", ".join(f"{text} (share {o.share:g})" for text, o in pairs) + "."
    dropout = (stage.model or {}).get("dropout")
    kept = [r.epoch for r in stage.results if r.epoch is not None and r.epoch != stage.epochs]
    return (
        _epochs(stage)
        + f" from {origins[0] if origins else 'random weights'}"
        + (f", dropout {dropout}" if dropout else "")
        + (f"; the best after epoch {min(kept)}" if kept else "")
        + "."
    )


def _epochs(stage: Stage) -> str:
    """How many of the epochs that were asked for."""
    asked = (stage.settings or {}).get("epochs")
    if not stage.epochs:
        return "Epochs that were not counted"
    unit = "epoch" if asked == 1 else "epochs"
    return f"{asked} {unit}" if stage.epochs == asked else f"{stage.epochs} of {asked} {unit}"


def plain(value: Any) -> str:
    """A setting in a cell of a table."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
