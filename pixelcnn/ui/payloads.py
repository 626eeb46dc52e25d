"""Checks on what arrives from outside: every payload is suspect, whatever the types say.

Gradio does not enforce the declared types of endpoints, and server functions take any JSON. Each check
returns the value in the form that the models take, or raises a `ValueError` of one plain sentence.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pixelcnn import foreign
from pixelcnn.density.model import PixelCNN
from pixelcnn.foreign import short
from pixelcnn.sampling.sampler import SEED_LIMIT


def whole(name: str, value: Any, low: int, high: int) -> int:
    """An integer from `low` to `high`; 7.0 is one."""
    if _is_whole(value):
        value = int(value)
    return foreign.whole(name, value, low, high)


def real(name: str, value: Any, low: float, high: float) -> float:
    """A finite number from `low` to `high`."""
    if type(value) not in (int, float) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low} to {high}, got {short(value)}.")
    return float(value)


def truth(name: str, value: Any) -> bool:
    """True or false; 1 and 0 are not."""
    if type(value) is not bool:
        raise ValueError(f"{name} must be true or false, got {short(value)}.")
    return value


def seed(value: Any) -> int:
    """A seed; None draws a fresh one, short enough to be read out."""
    if value is None:
        return int(torch.randint(10**6, ()))
    return whole("seed", value, 0, SEED_LIMIT - 1)


def freehand(value: Any, model: PixelCNN) -> bool:
    """Which hand; true only for a model that knows two."""
    if truth("freehand", value) and not model.config.freehand:
        raise ValueError("This model knows MNIST's hand only: freehand must be false.")
    return bool(value)


def label(value: Any, model: PixelCNN) -> int | None:
    """A class of the model, or None for any."""
    if value is None:
        return None
    if not model.num_classes:
        raise ValueError("This model has no classes: label must be None.")
    return whole("label", value, 0, model.num_classes - 1)


def _check_grid(value: Any, rule: str, model: PixelCNN, is_right: Callable[[Any], bool]) -> None:
    """Refuse, by the rule, what is not H lists of W right items."""
    c = model.config
    if type(value) is not list or len(value) != c.height:
        raise ValueError(f"{rule}.")
    for index, row in enumerate(value):
        if type(row) is not list or len(row) != c.width:
            raise ValueError(f"{rule}; row {index} is not.")
        for item in row:
            if not is_right(item):
                raise ValueError(f"{rule}; row {index} holds {short(item)}.")


def part(rows: Any, given: Any, model: PixelCNN) -> dict[str, Any]:
    """What is given, as `Sampler.complete` takes it: a mask, or the first rows, the upper half if neither."""
    c = model.config
    if given is None:
        return {"rows": c.height // 2 if rows is None else whole("rows", rows, 0, c.height)}
    if rows is not None:
        raise ValueError("Say what is given by rows or by a mask, given: got both.")
    rule = f"given must be {c.height} lists of {c.width} booleans, true where a pixel is given"
    _check_grid(given, rule, model, lambda item: type(item) is bool)
    return {"given": torch.tensor(given)[None, None]}


def levels(value: Any, model: PixelCNN) -> Tensor:
    """One image as nested lists, H of W integers. Returns (1, 1, H, W)."""
    c = model.config
    rule = f"levels must be {c.height} lists of {c.width} whole numbers from 0 to {c.levels - 1}"
    _check_grid(value, rule, model, lambda item: _is_whole(item) and 0 <= item < c.levels)
    return torch.tensor(value, dtype=torch.long)[None, None]


def _is_whole(value: Any) -> bool:
    """Whether a number is an integer; 7.0 is, as JSON does not tell it from 7."""
    return type(value) is int or (type(value) is float and value.is_integer())
