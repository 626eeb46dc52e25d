"""The header of a safetensors file, checked before anything that it tells of is allocated.

The file is eight bytes, the length of the header; the header, a JSON object of name to {dtype, shape,
data_offsets}; and the tensors, one after the other without a gap.
"""

import json
import math
from pathlib import Path
from typing import Any, TypeGuard

from pixelcnn.foreign import short

MAX_HEADER = 1 << 20  # bytes; the header of the largest model that is allowed has a fifth
POINTER = b"version https://git-lfs"  # begins the file that Git holds in place of a large one
ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
Shapes = dict[str, tuple[int, ...]]


def read_shapes(path: Path) -> Shapes:
    """The shapes of the tensors in a file, which has the bytes that they take, and no others.

    Raises:
        ValueError: in one sentence, if it is damaged, or no safetensors file of floats.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(max(8, len(POINTER)))
        if start == POINTER:
            raise ValueError(f"{path} is a Git LFS pointer, not the weights: run `git lfs pull`.")
        file.seek(8)
        length = int.from_bytes(start[:8], "little")
        if size < 8 or length > min(MAX_HEADER, size - 8):
            raise _damaged(path, "its header is too large")
        text = file.read(length)
    try:
        header = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "its header is not JSON") from error
    if not isinstance(header, dict):
        raise _damaged(path, "its header is no JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(
        isinstance(each, str) for each in metadata.values()
    ):
        raise _damaged(path, "its metadata are no texts by name")
    shapes, spans = {}, []
    for name, entry in header.items():
        shapes[name], span = _checked(entry, size - 8 - length)
        if span is None:
            raise _damaged(path, f"its header tells wild things of {short(name)}")
        spans.append(span)
    spans.sort()
    ends = [0, *(end for _, end in spans)]
    if [start for start, _ in spans] != ends[:-1] or ends[-1] != size - 8 - length:
        raise _damaged(path, "its tensors overlap, or do not take the bytes that there are")
    return shapes


def _checked(entry: Any, size: int) -> tuple[tuple[int, ...], tuple[int, int] | None]:
    """The shape of a tensor, and where its bytes are; None where it cannot be."""
    if not isinstance(entry, dict) or not isinstance(entry.get("dtype"), str):
        return (), None
    item, shape = ITEM_BYTES.get(entry["dtype"]), entry.get("shape")
    offsets = entry.get("data_offsets")
    if item is None or not _naturals(shape, size) or not _naturals(offsets, size):
        return (), None
    if len(shape) > 4 or len(offsets) != 2 or offsets[1] - offsets[0] != item * math.prod(shape):
        return (), None
    return tuple(shape), (offsets[0], offsets[1])


def _naturals(values: Any, most: int) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(
        type(each) is int and 0 <= each <= most for each in values
    )


def _damaged(path: Path, why: str) -> ValueError:
    return ValueError(f"{path} is damaged or not safetensors: {why}.")
