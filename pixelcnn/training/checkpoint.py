"""Checkpoints: all that a resumed run needs, written whole, read without unpickling objects.

The file is what `torch.save` writes, with its SHA-256 behind it: `torch.load` itself does not notice when a
bit of a weight has changed.
"""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from pixelcnn.files import write_whole

State = dict[str, Any]  # tensors, numbers, strings, and lists and dicts of them

DIGEST = hashlib.sha256().digest_size
# How a file of `torch.save` ends: a record of so many bytes that begins so.
END, END_SIZE = b"PK\x05\x06", 22


def save_checkpoint(state: State, path: Path) -> None:
    """Write `state` so that `path` holds either the old checkpoint or the new one, whole.

    Raises:
        OSError: in one sentence, if it cannot be written.
    """
    write_whole(path, pack(state))


def load_checkpoint(path: Path, device: torch.device) -> State:
    """Read a checkpoint onto `device`.

    Raises:
        ValueError: in one sentence, if there is none, or it is damaged.
    """
    if not path.is_file():
        raise ValueError(f"{path} is not there: nothing to resume from.")
    try:
        return unpack(path.read_bytes(), device)
    except ValueError as error:
        raise ValueError(f"{path} is damaged or no checkpoint of this project.") from error


def pack(state: State) -> bytes:
    """The bytes of a state."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue() + hashlib.sha256(buffer.getbuffer()).digest()


def unpack(data: bytes, device: torch.device) -> State:
    """Undo `pack`, onto `device`.

    Raises:
        ValueError: if a bit is not as it was.
    """
    whole = hashlib.sha256(data[:-DIGEST]).digest() == data[-DIGEST:]
    before_digests = data[-END_SIZE:].startswith(END)  # an early checkpoint has none
    if not (whole or before_digests):
        raise ValueError("these are not the bytes that were packed")
    try:
        state = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    except Exception as error:  # torch.load raises of every kind
        raise ValueError("torch.load cannot read this") from error
    if not isinstance(state, dict):
        raise ValueError("this is no state")
    return state


def random_state(device: torch.device) -> State:
    """The state of torch's generators: the CPU's, and the device's own if it is a GPU."""
    cuda = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def restore_random_state(state: State, device: torch.device) -> None:
    """Undo `random_state`, on a device that may be another."""
    torch.set_rng_state(state["cpu"].cpu())
    if device.type == "cuda" and state["cuda"]:
        torch.cuda.set_rng_state(state["cuda"][0].cpu(), device)
