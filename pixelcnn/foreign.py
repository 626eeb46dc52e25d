"""What comes from outside: small files that may be damaged or hostile, and values within a sentence."""

import json
import reprlib
from pathlib import Path
from typing import Any

MAX_BYTES = 4 << 20  # of a JSON file or a log: those of this project have some thousands


def short(value: Any) -> str:
    """The value as it may stand in a sentence, however large or deep it is."""
    try:
        text = reprlib.repr(value)
    except ValueError:  # Python does not write down a number of so many digits
        return "a number of thousands of digits"
    return text if len(text) <= 40 else f"{text[:37]}..."


def read_text(path: Path) -> str:
    """A small text file.

    Raises:
        ValueError: in one sentence, if it is no text, or larger than such a file is.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{path} has {size} bytes, and {MAX_BYTES} are allowed.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text.") from error


def parse_json(text: str, path: Path) -> Any:
    """What a text of a file says.

    Raises:
        ValueError: in one sentence that names the file, if it is no JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}.") from error


def read_json(path: Path) -> Any:
    """What a JSON file holds; see `read_text` and `parse_json`."""
    return parse_json(read_text(path), path)
