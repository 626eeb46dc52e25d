"""One's own images: pictures in a folder, in a folder of each class or in none, or one `.npz` or `.pt` file.

All images have one size, of up to 64x64 pixels, and 1 or 3 channels. Ink is 255, as in MNIST: images of one
channel that are mostly light paper are inverted.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from pixelcnn.config import MOST, Dataset, ModelConfig
from pixelcnn.data.datasets import SPLIT_SEED, Images, Split

MOST_SIDE = 64
LEAST = 20  # images: one at least for validation, and one for the test
HELD_OUT = 10  # one image in so many is for validation, and one for the test
PAPER = 192  # greys from here on are light paper
PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
ARRAYS = "one array of images, (N, H, W) or with 1 or 3 channels, and perhaps one of labels, (N,)"

OWN_DATA = "your own images: a folder of a folder for each class, or one .npz or .pt file"

Part = Split | Literal["all"]
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class OwnImages:
    """Images that someone brought.

    A tenth is for validation and a tenth for the test: always the same ones of the same data.
    """

    name: str  # for the record of a run
    images: Images  # all; labels are 0 where there are none
    classes: tuple[str, ...]  # names by label; none, where there are no labels
    numbered: bool  # the names are the numbers that the labels were

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.images.greys.shape[1:]
        return channels, height, width

    def split(self, part: Part, device: torch.device | str = "cpu") -> Images:
        """The images of a split; with `all`, of all splits."""
        greys, labels = self.images.greys, self.images.labels
        if part != "all":
            order = torch.randperm(len(greys), generator=torch.Generator().manual_seed(SPLIT_SEED))
            held_out = len(greys) // HELD_OUT
            index = {
                "test": order[:held_out],
                "validation": order[held_out : 2 * held_out],
                "train": order[2 * held_out :],
            }[part]
            greys, labels = greys[index], labels[index]
        return Images(greys.to(device), labels.to(device))

    def check_fit(self, config: ModelConfig) -> None:
        """Refuse images that a model does not describe.

        Raises:
            ValueError: in one sentence.
        """
        wanted = (config.in_channels, config.height, config.width)
        if wanted != self.shape:
            raise ValueError(
                f"The model describes images of {_size(wanted)}, and those of {self.name} are of"
                f" {_size(self.shape)}."
            )
        ours, theirs = len(self.classes), config.num_classes
        if ours and theirs and (ours > theirs or (ours < theirs and not self.numbered)):
            raise ValueError(
                f"The model knows {theirs} classes, and {self.name} has {ours}: give data of the same ones."
            )


def _size(shape: tuple[int, int, int]) -> str:
    channels, height, width = shape
    return f"{height}x{width} pixels and {channels} {'channel' if channels == 1 else 'channels'}"


def own_name(path: Path) -> str:
    """What a run calls the data in its records."""
    name = path.resolve().name if path.is_dir() else path.resolve().stem
    return f"own-{name}" if name in get_args(Dataset) else name


def read_own(path: Path) -> OwnImages:
    """Read images, and their labels where there are any.

    Args:
        path: a folder of pictures, or of folders of pictures, one for each class; or one `.npz` or `.pt` file
            with an array of images and perhaps one of labels: numbers from 0, or names.

    Raises:
        ValueError, OSError: in one sentence that says what does not fit, and where.
    """
    if path.is_dir():
        pixels, labels = _read_folder(path)
    elif path.suffix in (".npz", ".pt", ".pth"):
        pixels, labels = _read_arrays(path)
    elif path.exists():
        raise ValueError(f"{path} is no folder, .npz or .pt file: give one of these.")
    else:
        raise FileNotFoundError(
            f"{path} is not there: give a folder of pictures, or an .npz or .pt file."
        )
    if len(pixels) < LEAST:
        raise ValueError(f"{path} holds {len(pixels)} images: {LEAST} are needed at least.")
    classes, numbers = _classes(path, labels)
    greys = _channels_first(path, pixels)
    targets = (
        torch.zeros(len(greys), dtype=torch.long) if numbers is None else torch.tensor(numbers)
    )
    numbered = labels is not None and labels.dtype.kind not in "US"
    return OwnImages(own_name(path), Images(_ink_is_high(greys), targets), classes, numbered)


def _read_folder(path: Path) -> tuple[Array, Array | None]:
    folders = sorted(each for each in path.iterdir() if each.is_dir() and each.name[0] not in "._")
    beside = _pictures(path.iterdir())
    if folders and beside:
        raise ValueError(
            f"{path} holds pictures beside folders ({beside[0].name}): put each into the folder of its class."
        )
    found = {folder.name: _pictures(folder.rglob("*")) for folder in folders} or {"": beside}
    for name, pictures in found.items():
        if not pictures:
            raise ValueError(f"{path / name} holds no pictures ({', '.join(PICTURES)}).")
    paths = [picture for pictures in found.values() for picture in pictures]
    size, images = None, []
    for each in paths:
        image = _read_picture(each)
        size = size or image.shape[:2]
        if image.shape[:2] != size:
            raise ValueError(
                f"{each} has {image.shape[1]}x{image.shape[0]} pixels, and {paths[0]} {size[1]}x{size[0]}:"
                " all pictures must have one size."
            )
        images.append(image)
    names = [name for name, pictures in found.items() for _ in pictures]
    return np.stack(images), np.array(names) if folders else None


def _pictures(paths: Any) -> list[Path]:
    return sorted(p for p in paths if p.suffix.lower() in PICTURES and not p.name.startswith("."))


def _read_picture(path: Path) -> Array:
    """(H, W, 3) uint8, on white where it is transparent."""
    from PIL import Image  # of the extra `train`

    try:
        with Image.open(path) as picture:
            if max(picture.size) > MOST_SIDE:
                size, most = "{}x{}".format(*picture.size), f"{MOST_SIDE}x{MOST_SIDE}"
                raise ValueError(
                    f"{path} has {size} pixels, and {most} are allowed: scale it down."
                )
            deep = picture.mode.startswith("I")  # 16 bits
            rgba = (picture.point(lambda grey: grey / 256) if deep else picture).convert("RGBA")
            white = Image.new("RGBA", rgba.size, "white")
            return np.asarray(Image.alpha_composite(white, rgba).convert("RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read as a picture ({error}).") from error


def _read_arrays(path: Path) -> tuple[Array, Array | None]:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                found: dict[str, Array] = {name: file[name] for name in file.files}
        else:
            found = _tensors(torch.load(path, map_location="cpu", weights_only=True))
    except (
        OSError,
        ValueError,
        EOFError,
        BadZipFile,
        RuntimeError,
        pickle.UnpicklingError,
    ) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise ValueError(f"{path} cannot be read ({reason}): save {ARRAYS}.") from error
    images = [array for array in found.values() if array.ndim in (3, 4)]
    labels = (
        [array for array in found.values() if array.shape == images[0].shape[:1]] if images else []
    )
    if len(images) != 1 or len(labels) > 1:
        there = ", ".join(f"{name} {array.shape}" for name, array in found.items()) or "nothing"
        raise ValueError(f"{path} must hold {ARRAYS}; it holds {there[:200]}.")
    return images[0], labels[0] if labels else None


def _tensors(values: Any) -> dict[str, Array]:
    """The arrays in what `torch.load` read, by name."""
    if isinstance(values, Tensor):
        values = [values]
    if isinstance(values, list | tuple):
        values = {str(k): value for k, value in enumerate(values)}
    if not isinstance(values, Mapping):
        raise ValueError("it holds no tensors")
    arrays = {str(name): value for name, value in values.items()}
    return {
        name: value.float().numpy() if value.dtype == torch.bfloat16 else np.asarray(value)
        for name, value in arrays.items()
        if isinstance(value, Tensor)
    } | {name: np.asarray(value) for name, value in arrays.items() if isinstance(value, list)}


def _classes(path: Path, labels: Array | None) -> tuple[tuple[str, ...], Array | None]:
    """Names of the classes, and the number of each image's class."""
    if labels is None:
        return (), None
    if labels.dtype.kind in "US":
        names, numbers = np.unique(labels.astype(str), return_inverse=True)
        classes = tuple(names.tolist())
    else:
        whole = (
            labels.dtype.kind in "biuf" and np.isfinite(labels).all() and (labels % 1 == 0).all()
        )
        if not whole or labels.min() < 0 or labels.max() >= MOST["num_classes"]:
            raise ValueError(
                f"Labels of {path} must be whole numbers from 0 to {MOST['num_classes'] - 1}, or names."
            )
        numbers = labels.astype(np.int64)
        classes = tuple(str(k) for k in range(int(numbers.max()) + 1))
    if len(classes) > MOST["num_classes"]:
        raise ValueError(
            f"{path} has {len(classes)} classes, and {MOST['num_classes']} are allowed."
        )
    return classes, numbers.astype(np.int64)


def _channels_first(path: Path, pixels: Array) -> Tensor:
    """(N, C, H, W) uint8, of one channel where three are equal."""
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    elif pixels.shape[3] in (1, 3):
        pixels = pixels.transpose(0, 3, 1, 2)
    channels, *sides = pixels.shape[1:]
    if channels not in (1, 3):
        raise ValueError(
            f"Images of {path} must have 1 or 3 channels, got the shape {pixels.shape}."
        )
    if not 1 <= min(sides) <= max(sides) <= MOST_SIDE:
        height, width = sides
        raise ValueError(
            f"Images of {path} have {width}x{height} pixels: 1x1 to {MOST_SIDE}x{MOST_SIDE} are allowed."
        )
    greys = torch.from_numpy(np.ascontiguousarray(_to_greys(path, pixels)))
    same = channels == 3 and bool((greys[:, 1:] == greys[:, :1]).all())
    return greys[:, :1].contiguous() if same else greys


def _to_greys(path: Path, pixels: Array) -> Array:
    """0 to 255, from that or from 0 to 1."""
    low, high = (
        (float(pixels.min()), float(pixels.max())) if pixels.dtype.kind in "biuf" else (-1, -1)
    )
    if not 0 <= low <= high <= 255:
        raise ValueError(
            f"Pixels of {path} must be numbers from 0 to 1, or from 0 to 255, got {low:g} to {high:g}."
        )
    factor = 255 if high <= 1 else 1
    return (pixels.astype(np.float32) * factor).round().astype(np.uint8)


def _ink_is_high(greys: Tensor) -> Tensor:
    """Inverted, where most of the pixels are light paper."""
    light = greys.shape[1] == 1 and int((greys >= PAPER).sum()) > greys.numel() // 2
    return 255 - greys if light else greys
