"""Weights only: save to a folder and load from it, as safetensors beside a readable config."""

from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError

from pixelcnn.config import ModelConfig
from pixelcnn.model import PixelCNN

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


def save(model: PixelCNN, folder: Path) -> None:
    """Write `config.json` and `model.safetensors` into `folder`, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save(folder / CONFIG)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    partial = folder / f"{WEIGHTS}.partial"
    safetensors.torch.save_file(state, partial)
    partial.replace(folder / WEIGHTS)


def load(folder: str | Path, device: str | torch.device = "cpu") -> PixelCNN:
    """Load a model, in eval mode.

    Args:
        folder: with `config.json` and `model.safetensors`.
        device: to load it to.

    Raises:
        FileNotFoundError: if the folder lacks one of the two files.
        ValueError: in one sentence, if a file is damaged, or the two do not fit each other.
    """
    folder = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} has no {name}: give a folder that holds a model.")
    model = PixelCNN(ModelConfig.load(folder / CONFIG))
    try:
        state = safetensors.torch.load_file(folder / WEIGHTS, device=str(device))
    except SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS} is damaged or not safetensors: {error}.") from error
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    if {name: tensor.shape for name, tensor in state.items()} != wanted:
        raise ValueError(
            f"{folder / WEIGHTS} holds another model than {folder / CONFIG} describes."
        )
    model.load_state_dict(state)
    return model.to(device).eval()
