"""Checkpoints: all that a resumed run needs, written atomically, read without unpickling objects."""

import os
from pathlib import Path
from typing import Any

import torch

State = dict[str, Any]  # tensors, numbers, strings, and lists and dicts of them


def save_checkpoint(state: State, path: Path) -> None:
    """Write `state` so that `path` holds either the old checkpoint or the new one, whole."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_checkpoint(path: Path, device: torch.device) -> State:
    """Read a checkpoint onto `device`.

    Raises:
        ValueError: in one sentence, if there is none, or it is damaged.
    """
    if not path.is_file():
        raise ValueError(f"{path} is not there: nothing to resume from.")
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # torch.load raises of every kind
        raise ValueError(f"{path} is damaged or no checkpoint of this project.") from error


def random_state() -> State:
    """The state of torch's generators, of the CPU and of every GPU."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def restore_random_state(state: State) -> None:
    """Undo `random_state`."""
    torch.set_rng_state(state["cpu"].cpu())
    if torch.cuda.is_available() and state["cuda"]:
        torch.cuda.set_rng_state_all([generator.cpu() for generator in state["cuda"]])
