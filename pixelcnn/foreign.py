"""What comes from outside: small files that may be damaged or hostile, and values within a sentence."""

import json
import math
import operator
import reprlib
from pathlib import Path
from typing import Any

LONG = 10_000  # bits: Python does not write down a number of more than 4,300 digits
MAX_BYTES = 4 << 20  # of a JSON file or a log: those of this project have some thousands


def short(value: Any) -> str:
    """The value as it may stand in a sentence, however large or deep it is."""
    if isinstance(value, int) and value.bit_length() > LONG:
        return "a number of thousands of digits"
    try:
        text = reprlib.repr(value)
    except ValueError:  # such a number is within it
        return "a value that holds a number of thousands of digits"
    return text if len(text) <= 40 else f"{text[:37]}..."


def whole(name: str, value: Any, low: int, high: float = math.inf) -> int:
    """The value as an int.

    Args:
        name: of the argument that it is.
        value: True and False are no whole numbers.
        low, high: the least and the most that it may be.

    Raises:
        ValueError: in one sentence, if it is no whole number, or out of range.

    Example:
        >>> whole("rows", 7.5, 0, 28)
        Traceback (most recent call last):
        ValueError: rows must be a whole number from 0 to 28, got 7.5.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        allowed = f"of at least {low}" if high == math.inf else f"from {low} to {high}"
        raise ValueError(f"{name} must be a whole number {allowed}, got {short(value)}.")
    return number


def _read(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{path} has {size} bytes, and {MAX_BYTES} are allowed.")
    return path.read_bytes()


def read_text(path: Path) -> str:
    """A small text file.

    Raises:
        ValueError: in one sentence, if it is no text, or larger than such a file is.
    """
    try:
        return _read(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text.") from error


def parse_json(text: str | bytes, path: Path) -> Any:
    """What a text of a file says.

    Raises:
        ValueError: in one sentence that names the file, if it is no JSON.
    """
    try:
        return json.loads(text if isinstance(text, str) else text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}.") from error


def read_json(path: Path) -> Any:
    """What a small JSON file holds.

    Raises:
        ValueError: in one sentence that names the file, if it is no JSON, or larger than such a file is.
    """
    return parse_json(_read(path), path)
