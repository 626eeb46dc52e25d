"""Files of MNIST's format, IDX: a number that tells type and dimensions, the sizes, and bytes.

A file is read as it is or packed (`.gz`). What its head tells is checked before anything is allocated.
"""

import gzip
import math
import zlib
from io import BufferedIOBase
from pathlib import Path

import torch
from torch import Tensor

SIDE = 28  # of an image
MOST = 1_000_000  # images; the largest of the datasets has 240,000
CLASSES = 10
FOREIGN = "is no file of this dataset: put another in its place, as it is left alone"


def find(raw: Path, name: str) -> Path | None:
    """Where a file lies, unpacked or packed; None if it is not there."""
    for path in (raw / name, raw / f"{name}.gz"):
        if path.exists() or path.is_symlink():
            return path
    return None


def read_images(path: Path) -> Tensor:
    """(N, 28, 28) uint8.

    Raises:
        ValueError: in one sentence that names the file, if it is damaged or something else.
    """
    return _read(path, (SIDE, SIDE))


def read_labels(path: Path) -> Tensor:
    """(N,) uint8, 0 to 9.

    Raises:
        ValueError: in one sentence that names the file, if it is damaged or something else.
    """
    labels = _read(path, ())
    if int(labels.max()) >= CLASSES:
        raise ValueError(f"{path} holds the label {int(labels.max())}, and there are {CLASSES}.")
    return labels


def _read(path: Path, shape: tuple[int, ...]) -> Tensor:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _parse(file, path, shape)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read ({error}).") from error


def _parse(file: BufferedIOBase, path: Path, shape: tuple[int, ...]) -> Tensor:
    head = file.read(8 + 4 * len(shape))
    numbers = [int.from_bytes(head[k : k + 4], "big") for k in range(0, len(head), 4)]
    if numbers[:1] != [0x0801 + len(shape)] or numbers[2:] != list(shape):
        raise ValueError(f"{path} {FOREIGN}.")
    count = numbers[1]
    if not 1 <= count <= MOST:
        raise ValueError(f"{path} tells of {count} items, and 1 to {MOST} are allowed.")
    size = count * math.prod(shape)
    data = bytearray(file.read(size))
    if len(data) < size or file.read(1):
        there = f"{len(data)} bytes" if len(data) < size else "more bytes"
        raise ValueError(
            f"{path} is damaged: it tells of {size} bytes after its head and has {there}."
        )
    return torch.frombuffer(data, dtype=torch.uint8).view(count, *shape)
