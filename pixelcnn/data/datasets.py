"""Datasets by torchvision, fixed splits, and batches that are on the device already.

A split is one uint8 tensor on the training device: MNIST takes 43 MB, and no worker process. Training
and validation images are a fixed, seeded split of torchvision's training images: 5,000 for validation
(of MNIST's 60,000 that leaves 55,000), whatever the seed of a run.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args
from zipfile import BadZipFile

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelcnn.config import Binarization, Dataset
from pixelcnn.data.freehand import Strokes, draw, random_hands, trace
from pixelcnn.data.idx import find, read_images, read_labels
from pixelcnn.data.pixels import binarize_stochastic, quantize

Split = Literal["train", "validation", "test"]

VALIDATION_IMAGES = 5_000
SPLIT_SEED = 0  # of the division into training and validation images
PART = 1_000  # images that are turned into levels at a time
# Of the one stochastic draw of an evaluation split, so that figures can be compared.
STOCHASTIC_SEEDS = {"validation": 1, "test": 2}
FREEHAND_SEEDS: dict[Split, int] = {"validation": 1, "test": 2}  # of the drawings of such a split
HANDS_TOGETHER = 500  # hands drawn at a time from one generator: another number gives other hands


@dataclass(frozen=True)
class Images:
    """One split as the dataset stores it."""

    greys: Tensor  # (N, C, H, W) uint8
    labels: Tensor  # (N,) int64
    strokes: Strokes | None = None  # of the digits, once `traced`

    def traced(self) -> "Images":
        """The same images with their strokes, from which batches are drawn free-hand."""
        return self if self.strokes else replace(self, strokes=trace(self.greys))

    def __len__(self) -> int:
        return len(self.labels)

    def every(self, limit: int | None) -> "Images":
        """`limit` images at even steps through the split; all of them for None.

        Raises:
            ValueError: if there are not as many.
        """
        if limit is None:
            return self
        if not 1 <= limit <= len(self):
            raise ValueError(f"limit must be 1 to {len(self)} images, got {limit}.")
        index = torch.arange(limit, device=self.labels.device) * len(self) // limit
        return Images(self.greys[index], self.labels[index])


def load_images(
    dataset: str, data_dir: Path, split: Split, device: torch.device | str = "cpu"
) -> Images:
    """Load one split; torchvision downloads what is missing. Files that are there stay as they are.

    Args:
        dataset: MNIST, FashionMNIST, KMNIST, or EMNIST (its digits).
        data_dir: torchvision's root folder.
        split: train and validation are parts of the dataset's training images.
        device: where the images shall be.

    Raises:
        ValueError: in one sentence that names the file, if one is damaged or something else.
        RuntimeError: in one sentence that says which files to put where, if a download fails.
    """
    if dataset not in get_args(Dataset):
        raise ValueError(
            f"{dataset} is none of {', '.join(get_args(Dataset))}: give its path by --data."
        )
    greys, labels = _read(dataset, data_dir, train=split != "test")
    if split != "test":
        cut = len(labels) - VALIDATION_IMAGES
        if cut < 1:
            raise ValueError(
                f"{data_dir / dataset} has {len(labels)} images to train on:"
                f" {VALIDATION_IMAGES} are for validation, so more are needed."
            )
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(SPLIT_SEED))
        index = order[:cut] if split == "train" else order[cut:]
        greys, labels = greys[index], labels[index]
    return Images(greys.to(device), labels.to(device))


def _read(dataset: str, data_dir: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    """All training or test images, (N, 1, H, W) uint8, and their labels (N,)."""
    prefix, test = ("emnist-digits-", "test") if dataset == "EMNIST" else ("", "t10k")
    part = f"{prefix}{'train' if train else test}"
    names = [f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"]
    raw = data_dir / dataset / "raw"
    missing = [name for name in names if find(raw, name) is None]
    if missing:
        _download(dataset, data_dir, missing)
    images, targets = (find(raw, name) or raw / name for name in names)
    greys, labels = read_images(images).unsqueeze(1), read_labels(targets).long()
    if len(greys) != len(labels):
        raise ValueError(
            f"{images} holds {len(greys)} images and {targets} {len(labels)} labels:"
            " one of them is of another dataset."
        )
    if dataset == "EMNIST":  # stored with rows and columns exchanged
        greys = greys.transpose(2, 3).contiguous()
    return greys, labels


def _download(dataset: str, data_dir: Path, names: list[str]) -> None:
    """Put files into the dataset's folder that are not there.

    They are downloaded elsewhere, as torchvision writes over whatever has their names, and moved once they
    are whole.
    """
    from torchvision import datasets  # slow to import, and the page does without it

    options = {"split": "digits"} if dataset == "EMNIST" else {}
    raw = data_dir / dataset / "raw"
    try:
        there = next(path for path in (data_dir, *data_dir.absolute().parents) if path.is_dir())
        with TemporaryDirectory(prefix="download-", dir=there) as folder:
            getattr(datasets, dataset)(root=folder, download=True, **options)
            raw.mkdir(parents=True, exist_ok=True)
            for name in names:
                (Path(folder) / dataset / "raw" / name).replace(raw / name)
    except (OSError, RuntimeError, EOFError, zlib.error, BadZipFile, HTTPException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise RuntimeError(
            f"{dataset} could not be downloaded ({reason}): put {', '.join(names)}"
            f" into {raw}, unpacked or as .gz."
        ) from error


def to_levels(
    greys: Tensor, levels: int, binarization: Binarization, generator: torch.Generator
) -> Tensor:
    """Turn greys into the levels that a model of K levels describes, as its config says.

    Args:
        greys: (N, C, H, W) uint8.
        levels: K.
        binarization: threshold or stochastic (both for K = 2), or none, which quantizes.
        generator: for a stochastic draw, on the device of `greys`.

    Returns:
        (N, C, H, W) uint8, to be widened batch by batch.

    Raises:
        ValueError: if the binarization does not fit the number of levels.
    """
    check_binarization(levels, binarization)
    result = torch.empty_like(greys)
    # In parts: the arithmetic takes eight bytes for each of these, and more than once.
    for part, out in zip(greys.split(PART), result.split(PART), strict=True):
        if binarization == "stochastic":
            out.copy_(binarize_stochastic(part, generator))
        else:
            out.copy_(quantize(part, levels))
    return result


def default_binarization(levels: int) -> Binarization:
    """What goes with K levels when nothing else is asked for."""
    return "threshold" if levels == 2 else "none"


def check_binarization(levels: int, binarization: Binarization) -> None:
    """Raise a ValueError that says what is allowed, unless the two fit each other."""
    if (levels == 2) == (binarization == "none"):
        allowed = "threshold or stochastic" if levels == 2 else "none"
        raise ValueError(f"{levels} levels go with binarization {allowed}, got {binarization}.")


def evaluation_levels(
    images: Images, levels: int, binarization: Binarization, split: Split
) -> Tensor:
    """The levels of validation or test images: a stochastic draw is made once, from a named seed."""
    generator = torch.Generator("cpu").manual_seed(STOCHASTIC_SEEDS.get(split, 0))
    greys = images.greys.cpu()  # a GPU would draw others from the same seed
    return to_levels(greys, levels, binarization, generator).to(images.greys.device)


def freehand_images(images: Images, split: Split) -> Images:
    """A validation or test split drawn free-hand, always the same: the split decides the seed."""
    generator = torch.Generator("cpu").manual_seed(FREEHAND_SEEDS[split])
    drawn = draw_freehand(replace(images, greys=images.greys.cpu(), strokes=None), generator)
    return replace(drawn, greys=drawn.greys.to(images.greys.device))


def draw_freehand(images: Images, generator: torch.Generator) -> Images:
    """Every image drawn anew, each by a hand of its own that the generator draws."""
    drawn = []
    for greys in images.greys.split(HANDS_TOGETHER):
        strokes = trace(greys)
        drawn.append(draw(greys, strokes, random_hands(greys, strokes, generator)))
    return Images(torch.cat(drawn), images.labels)


def training_batches(
    images: Images,
    *,
    levels: int,
    binarization: Binarization,
    batch_size: int,
    shift: int,
    freehand: float,
    seed: int,
    epoch: int,
    start: int = 0,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The batches of one epoch, in an order that (seed, epoch) alone decides.

    What is drawn in a batch follows from (seed, epoch, the batch's number) and its images.

    Args:
        images: the training split; `traced`, where any are drawn free-hand.
        levels, binarization: as for `to_levels`; a stochastic draw is a new one every epoch.
        batch_size: the last batch holds what is left.
        shift: every image is moved by up to this many pixels each way, anew every epoch.
        freehand: the share of each batch that is drawn free-hand, anew every epoch.
        seed, epoch: of the order and the draws.
        start: batches to leave out, when a run goes on within the epoch.

    Yields:
        levels (B, C, H, W) int64, labels (B,), and which are free-hand (B,) bool.
    """
    device = images.greys.device
    generator = torch.Generator(device).manual_seed(seed * 1_000_003 + epoch)
    order = torch.randperm(len(images), generator=generator, device=device)
    for number, index in enumerate(order.split(batch_size)[start:], start):
        generator.manual_seed((seed * 1_000_003 + epoch) * 1_000_003 + number)
        greys = images.greys[index]
        if shift:
            size = (len(index), 2)
            moves = torch.randint(-shift, shift + 1, size, generator=generator, device=device)
            greys = _move(greys, moves, shift)
        count = round(freehand * len(index))
        if count:
            assert images.strokes is not None
            some = images.strokes[index[:count]]
            hands = random_hands(greys[:count], some, generator)
            greys = torch.cat([draw(greys[:count], some, hands), greys[count:]])
        batch = to_levels(greys, levels, binarization, generator).long()
        yield batch, images.labels[index], torch.arange(len(index), device=device) < count


def _move(batch: Tensor, moves: Tensor, shift: int) -> Tensor:
    """Move each image by its own (rows, columns), filling with level 0."""
    height, width = batch.shape[-2:]
    padded = F.pad(batch, (shift,) * 4)
    rows = torch.arange(height, device=batch.device) + shift - moves[:, :1]  # (B, H)
    columns = torch.arange(width, device=batch.device) + shift - moves[:, 1:]  # (B, W)
    image = torch.arange(len(batch), device=batch.device)[:, None, None]
    moved = padded.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)
