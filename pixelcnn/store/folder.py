"""The folder of a model: the names of its files, and weights as safetensors beside a readable config.

Nothing is ever unpickled.
"""

import hashlib
import warnings
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError

from pixelcnn.config import ModelConfig
from pixelcnn.density.model import PixelCNN
from pixelcnn.density.outliers import mean_embeddings
from pixelcnn.density.reference import Reference
from pixelcnn.devices import pick_device
from pixelcnn.files import write_whole, writing
from pixelcnn.store.header import read_shapes

CONFIG = "config.json"  # the ModelConfig
WEIGHTS = "model.safetensors"
SHARDS = "model.safetensors.index.json"  # of weights in several files, which are not read
METRICS = "metrics.json"  # measured on these weights: the last line of `pixelcnn.evaluate`
TYPICALITY = "typicality.json"  # likelihoods of validation drawings: see `density/typicality.py`
TRAINING = "training.json"  # how the weights came about; see `stages.py`
LOG = "log.jsonl"  # losses of the run, one epoch a line
STEPS = "steps.csv"  # training losses within the epochs
CURVES = "loss.png"
SAMPLES = "samples.png"  # drawn from exactly these weights, when they are pushed
GRIDS = "samples-epoch-*.png"  # drawn after some epochs of the run
CARD = "README.md"

# A run keeps the weights of two epochs, each in a folder of a model, and what is said of both above them.
BEST = "best"  # of the lowest validation loss
LAST = "last"
CHECKPOINT = "checkpoint.pt"


def grid_name(epoch: int) -> str:
    """The file of the samples after an epoch."""
    return GRIDS.replace("*", f"{epoch:03}")


def grids(folder: Path) -> dict[int, Path]:
    """The grids of samples in a folder, by epoch."""
    numbers = {path: path.stem.rpartition("-")[2] for path in folder.glob(GRIDS)}
    return {int(number): path for path, number in sorted(numbers.items()) if number.isdigit()}


def holds_model(folder: Path) -> bool:
    """Whether a folder is that of a model, or of a run with weights."""
    return _weights_of(folder) is not None


def locate(folder: Path) -> tuple[Path, Path]:
    """The folder of the weights, and the folder with the record of their training.

    They are the same for a model; of a run the best weights are taken, unless `folder` names the others.

    Raises:
        FileNotFoundError: in one sentence, if there are no weights.
    """
    weights = _weights_of(folder)
    if weights is None:
        if (folder / CHECKPOINT).is_file():
            raise FileNotFoundError(f"{folder} is a run that has no weights yet: resume it.")
        raise FileNotFoundError(f"{folder} holds no model: give the folder of a model or of a run.")
    return weights, run_of(weights)


def _weights_of(folder: Path) -> Path | None:
    """The folder of the weights: itself, or the best or last of a run."""
    for path in (folder, folder / BEST, folder / LAST):
        if (path / CONFIG).is_file() or (path / WEIGHTS).is_file():
            return path
    return None


def run_of(weights: Path) -> Path:
    """The folder of what is said of the training of weights."""
    return weights.parent if weights.name in (BEST, LAST) else weights


def sha256(weights: Path) -> str:
    """Of the weights in a folder: their name for whoever has the file."""
    return hashlib.sha256((weights / WEIGHTS).read_bytes()).hexdigest()


def save(model: PixelCNN, folder: Path) -> None:
    """Write `config.json` and `model.safetensors` into `folder`, which is made if need be.

    A `metrics.json` and a `typicality.json` that lie there are deleted: they tell of the weights that are
    replaced.

    Raises:
        OSError: in one sentence, if one cannot be written; the others, and what it held, are whole.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    model.config.save(folder / CONFIG)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    data = safetensors.torch.save(state)
    for name in (METRICS, TYPICALITY):
        (folder / name).unlink(missing_ok=True)
    write_whole(folder / WEIGHTS, data)


def load_folder(
    folder: Path, device: str | torch.device = "cpu", *, reference: bool = True
) -> PixelCNN:
    """Load a model, in eval mode.

    Args:
        folder: with `config.json` and `model.safetensors`, and with `typicality.json` once it was measured.
        device: to load it to.
        reference: whether to read `typicality.json`; not for whoever is about to measure it.

    A `typicality.json` that is damaged, or of other weights, is left out with a warning.

    Raises:
        FileNotFoundError: if the folder lacks one of the two files.
        ValueError: in one sentence, if one of the two is damaged, they do not fit each other, or there is no
            such device.
    """
    device = pick_device(device)
    if (folder / SHARDS).is_file() and not (folder / WEIGHTS).is_file():
        raise ValueError(f"{folder} has its weights in several files: save them as one {WEIGHTS}.")
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} has no {name}: give a folder that holds a model.")
    config = ModelConfig.load(folder / CONFIG)
    path = folder / WEIGHTS
    shapes = read_shapes(path)
    with torch.random.fork_rng(devices=[]):  # fresh weights are random, and not wanted
        with torch.device("meta"):  # a foreign config may ask for more memory than there is
            wanted = PixelCNN(config).state_dict()
        if shapes != {name: tuple(tensor.shape) for name, tensor in wanted.items()}:
            raise ValueError(f"{path} holds another model than {folder / CONFIG} describes.")
        model = PixelCNN(config)
    try:
        state = safetensors.torch.load_file(path, device=str(device))
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged or not safetensors: {error}.") from error
    for name, tensor in state.items():
        if not tensor.float().isfinite().all():
            raise ValueError(f"{path} holds a number that is not finite: see {name}.")
    model.load_state_dict(state)
    if reference:
        try:
            model.reference = read_reference(folder, model)
        except ValueError as error:
            warnings.warn(f"{error} The model is loaded without it.", stacklevel=2)
    return model.to(device).eval()


def read_reference(folder: Path, model: PixelCNN) -> Reference | None:
    """What `typicality.json` says, once it was measured.

    Raises:
        ValueError: in one sentence, if the file is damaged, or of other weights.
    """
    path = folder / TYPICALITY
    if not path.is_file():
        return None
    reference = Reference.load(path)
    told, known = (
        {name: tuple(row.shape) for name, row in embeddings.items()}
        for embeddings in (reference.outliers, mean_embeddings(model))
    )
    fits = len(reference.nats) == model.config.height + 1 and told in ({}, known)
    if not fits or reference.weights_sha256 != sha256(folder):
        raise ValueError(f"{path} is of other weights: delete it, or measure it again.")
    return reference
