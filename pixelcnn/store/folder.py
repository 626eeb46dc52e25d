"""The folder of a model: the names of its files, and weights as safetensors beside a readable config.

Nothing is ever unpickled.
"""

from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError

from pixelcnn.config import ModelConfig
from pixelcnn.density.model import PixelCNN

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
METRICS = "metrics.json"  # measured on these weights
TRAINING = "training.json"  # the TrainConfig
LOG = "log.jsonl"  # losses, one epoch a line
SHOWN = (METRICS, LOG, "samples-epoch-*.png")  # by the page, beside what the model does


def save(model: PixelCNN, folder: Path) -> None:
    """Write `config.json` and `model.safetensors` into `folder`, which is made if need be.

    A `metrics.json` that lies there is deleted: it was measured on the weights that are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save(folder / CONFIG)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    partial = folder / f"{WEIGHTS}.partial"
    safetensors.torch.save_file(state, partial)
    (folder / METRICS).unlink(missing_ok=True)
    partial.replace(folder / WEIGHTS)


def load_folder(folder: Path, device: str | torch.device = "cpu") -> PixelCNN:
    """Load a model, in eval mode.

    Args:
        folder: with `config.json` and `model.safetensors`.
        device: to load it to.

    Raises:
        FileNotFoundError: if the folder lacks one of the two files.
        ValueError: in one sentence, if a file is damaged, or the two do not fit each other.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} has no {name}: give a folder that holds a model.")
    config = ModelConfig.load(folder / CONFIG)
    try:
        state = safetensors.torch.load_file(folder / WEIGHTS, device=str(device))
    except SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS} is damaged or not safetensors: {error}.") from error
    with torch.device(
        "meta"
    ):  # shapes alone: a foreign config may ask for more memory than there is
        wanted = {name: tensor.shape for name, tensor in PixelCNN(config).state_dict().items()}
    if {name: tensor.shape for name, tensor in state.items()} != wanted:
        raise ValueError(
            f"{folder / WEIGHTS} holds another model than {folder / CONFIG} describes."
        )
    model = PixelCNN(config)
    model.load_state_dict(state)
    return model.to(device).eval()
