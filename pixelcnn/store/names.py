"""Names of models: one that comes with the package, a folder here, or a repository on the Hub.

Only a name that begins with `hf://` asks the Hub. No other name reaches the network.
"""

import warnings
from pathlib import Path

import torch

from pixelcnn.density.model import PixelCNN
from pixelcnn.devices import pick_device
from pixelcnn.store.folder import holds_model, load_folder, locate

HUB = "hf://"
SOURCE = "binary, gray, residual, folder of a model or a run, or hf://NAMESPACE/NAME[@REVISION]"
PACKAGE = Path(__file__).resolve().parent.parent
# `weights` lies inside the package where it is installed from a wheel, beside it in a checkout.
HOME = PACKAGE if (PACKAGE / "weights").is_dir() else PACKAGE.parent
WEIGHTS = HOME / "weights"


def load(
    source: str | Path, device: str | torch.device = "cpu", *, revision: str | None = None
) -> PixelCNN:
    """Load a model, in eval mode.

    Args:
        source: `binary`, `gray` or `residual`, which come with the package; the folder of a model or of a
            run; or `hf://NAMESPACE/NAME` or `hf://NAMESPACE/NAME@REVISION` on the Hugging Face Hub.
        device: to load it to.
        revision: branch, tag or commit on the Hub.

    Raises:
        FileNotFoundError: in one sentence, if there is no such model, or a file of it is missing.
        OSError: in one sentence, if the Hub does not have it, or cannot be reached.
        ValueError: in one sentence, if a file is damaged, the files do not fit each other, or there is no
            such device.
    """
    device = pick_device(device)
    return load_folder(find(source, revision=revision), device)


def from_pretrained(
    repo_id: str, device: str | torch.device = "cpu", *, revision: str | None = None
) -> PixelCNN:
    """Load a model from the Hugging Face Hub, as `load` with `hf://`.

    Args:
        repo_id: NAMESPACE/NAME, or NAMESPACE/NAME@REVISION.
        device: to load it to.
        revision: branch, tag or commit.
    """
    return load(f"{HUB}{repo_id}", device, revision=revision)


def bundled() -> dict[str, Path]:
    """The models that come with the package: folders by name."""
    return _models_in(WEIGHTS) if WEIGHTS.is_dir() else {}


def find(source: str | Path, *, revision: str | None = None) -> Path:
    """The folder of the one model of this name.

    Args:
        source: as for `load`.
        revision: branch, tag or commit on the Hub.

    Raises:
        FileNotFoundError, ValueError: in one sentence, if there is none, or several.
        OSError: in one sentence, if the Hub does not have it, or cannot be reached and the cache lacks it.
    """
    if revision is not None and not str(source).startswith(HUB):
        raise ValueError(f"A revision is of {HUB}NAMESPACE/NAME, got {source}.")
    found = find_models(source, revision=revision)
    if len(found) > 1:
        names = ", ".join(str(Path(source) / name) for name in found)
        raise ValueError(f"{source} holds several models: give one of {names}.")
    return next(iter(found.values()))


def find_own(source: str | Path) -> Path:
    """The folder of one model, to write beside its weights.

    Raises:
        FileNotFoundError, ValueError: in one sentence, if there is none, or several, or it is on the Hub.
    """
    if str(source).startswith(HUB):
        raise ValueError(
            f"What is measured is written beside the weights: download {source} first."
        )
    return find(source)


def find_models(source: str | Path, *, revision: str | None = None) -> dict[str, Path]:
    """The folders of all models of this name, by what each is called.

    Args:
        source: as for `load`, or a folder of folders of models and runs.
        revision: branch, tag or commit on the Hub.

    Raises:
        FileNotFoundError, ValueError, OSError: as `find`.
    """
    if str(source).startswith(HUB):
        from pixelcnn.store.hub import fetch

        repo_id = str(source).removeprefix(HUB)
        name = repo_id.partition("@")[0].rpartition("/")[2]
        return {name: fetch(repo_id, revision=revision)}
    folder = Path(source)
    if isinstance(source, str) and source in bundled():
        if folder.is_dir() and folder.resolve() != bundled()[source]:
            sentence = f"{source} is the model of the package; the folder here is ./{source}."
            warnings.warn(sentence, stacklevel=2)
        return {source: bundled()[source]}
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{source} is no folder here: give {', '.join(bundled()) or 'a model of the package'}, the folder"
            f" of a model or a run, or {HUB}NAMESPACE/NAME."
        )
    if not holds_model(folder) and (models := _models_in(folder)):
        return models
    weights, run = locate(folder)
    return {run.resolve().name: weights}


def _models_in(folder: Path) -> dict[str, Path]:
    """The models and runs right in a folder."""
    inside = (path for path in sorted(folder.iterdir()) if path.is_dir() and holds_model(path))
    return {path.name: locate(path)[0] for path in inside}
