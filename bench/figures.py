"""The figures of `bench.quality`: what the judge and the training images say of digits.

Processes that share the work each draw and read their part of the images; then all have all of them.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

import pixelcnn
from bench.distances import Gaussian, fit_gaussian, frechet_distance, nearest
from bench.judge import CLASSES, Judge, Reading, ink_of
from pixelcnn.config import ModelConfig
from pixelcnn.data.datasets import Images
from pixelcnn.data.pixels import quantize, to_greys
from pixelcnn.density.model import PixelCNN
from pixelcnn.distributed import ALONE, World
from pixelcnn.store.grid import grid

SURE = 0.9  # the judge is sure of a digit that it gives more than this
SHOWN = 20  # images in a row of a picture
MOST_SEED = 4_000  # of a bench: `batch_seed` must have 32 bits

Figures = dict[str, Any]


@dataclass(frozen=True)
class Reference:
    """The training split as the judge sees it."""

    judge: Judge
    ink: Tensor  # (N, 1, 28, 28)
    gaussian: Gaussian  # of its features
    world: World = ALONE  # the processes that share what is to be measured

    def read(self, ink: Tensor) -> Reading:
        """What the judge says of images (N, 1, 28, 28)."""
        return read_shared(self.judge, ink, self.world)

    def nearest(self, ink: Tensor) -> tuple[Tensor, Tensor]:
        """Distances to the nearest training images, and which these are, each (N,)."""
        found = nearest(ink[self.world.share(len(ink))], self.ink)
        distances, indices = (self.world.gather(each) for each in found)
        return distances, indices


@dataclass(frozen=True, kw_only=True)
class Draw:
    """How digits are drawn."""

    temperature: float
    seed: int
    batch_size: int  # other sizes draw other digits


def batch_seed(seed: int, number: int) -> int:
    """What a batch is drawn with: another seed for each batch of each bench's seed.

    Args:
        seed: of the bench, 0 to `MOST_SEED`.
        number: of the batch, below 200,000.
    """
    return seed * 1_000_003 + number


def check_ranges(args: argparse.Namespace, ranges: dict[str, tuple[int, int]]) -> None:
    """Raise a ValueError that says what is allowed, unless each flag is in its range, ends included."""
    for name, (low, high) in ranges.items():
        value = getattr(args, name)
        if not low <= value <= high:
            flag = name.replace("_", "-")
            raise ValueError(f"--{flag} must be {low:,} to {high:,}, got {value:,}.")


def make_reference(judge: Judge, images: Images, world: World = ALONE) -> Reference:
    """Have the judge read the images that samples are compared with."""
    ink = ink_of(images)
    gaussian = fit_gaussian(read_shared(judge, ink, world).features)
    return Reference(judge, ink, gaussian, world)


def read_shared(judge: Judge, ink: Tensor, world: World) -> Reading:
    """What the judge says of images (N, 1, 28, 28), of which each process reads its share."""
    own = judge.read(ink[world.share(len(ink))])
    return Reading(
        digit=world.gather(own.digit),
        confidence=world.gather(own.confidence),
        features=world.gather(own.features),
    )


def measure_real(
    reference: Reference, images: Images, halves: Images
) -> tuple[Figures, Image.Image]:
    """The figures of real digits: where a model completes a half, here the digit itself is read.

    Args:
        reference: to compare with.
        images: what to measure.
        halves: the digits that the model completes from their top halves.

    Returns:
        the figures, and the picture that `measure_images` makes.
    """
    figures, picture = measure_images(reference, ink_of(images), images.labels)
    figures["completed"] = share(reference.read(ink_of(halves)).digit == halves.labels)
    return figures, picture


def measure_model(
    reference: Reference, model: PixelCNN, draw: Draw, *, samples: int, halves: Images
) -> tuple[Figures, Image.Image]:
    """The figures of a model at one temperature.

    Args:
        reference: to compare with.
        model: in eval mode.
        draw: temperature and seeds.
        samples: how many, of any digit.
        halves: images; the top half of each is completed once.

    Returns:
        the figures, and the picture that `measure_images` makes.
    """
    world = reference.world
    ink, label = draw_samples(model, draw, samples, world)
    figures, picture = measure_images(reference, ink, label)
    ink, label = draw_completions(model, draw, halves, world)
    figures["completed"] = share(reference.read(ink).digit == halves.labels)
    figures["class_drawn"] = None if label is None else share(label == halves.labels)
    return {"temperature": draw.temperature} | figures, picture


def measure_images(
    reference: Reference, ink: Tensor, label: Tensor | None
) -> tuple[Figures, Image.Image]:
    """What the judge and the training images say of whole digits.

    Args:
        reference: to compare with.
        ink: (N, 1, 28, 28) integers 0 and 1.
        label: (N,) the class that each is of; None leaves out what needs it.

    Returns:
        the figures, and a picture of some digits over their nearest training images.
    """
    reading = reference.read(ink)
    shares = reading.digit.bincount(minlength=CLASSES).double() / len(ink)
    distances, indices = reference.nearest(ink)
    figures = {
        "sure": share(reading.confidence > SURE),
        "frechet": frechet_distance(fit_gaussian(reading.features), reference.gaussian),
        "own_class": None if label is None else share(reading.digit == label),
        "shares": {
            "least": float(shares.min()),
            "most": float(shares.max()),
            "each": shares.tolist(),
        },
        "nearest": {
            "copies": share(distances == 0),
            "least": int(distances.min()),
            "median": int(distances.median()),
        },
    }
    # From the nearest of all to the farthest, at even steps through their order.
    shown = distances.argsort(stable=True)[torch.linspace(0, len(ink) - 1, SHOWN).long()]
    pairs = torch.cat([ink[shown], reference.ink[indices[shown]]])
    return figures, grid(pairs, 2, columns=SHOWN)


def share(which: Tensor) -> float:
    """Part of the images for which a bool, (N,), holds."""
    return float(which.double().mean())


def draw_samples(
    model: PixelCNN, draw: Draw, count: int, world: World = ALONE
) -> tuple[Tensor, Tensor | None]:
    """Ink (N, 1, 28, 28) of samples of any digit, and the class of each (N,)."""
    parts = [
        pixelcnn.generate(model, len(index), temperature=draw.temperature, seed=seed)
        for seed, index in _batches(draw, count, "samples", world)
    ]
    return _join(parts, model.config, world)


def draw_completions(
    model: PixelCNN, draw: Draw, halves: Images, world: World = ALONE
) -> tuple[Tensor, Tensor | None]:
    """Ink (N, 1, 28, 28) of a completion of each top half, and the class that it was drawn of (N,)."""
    c = model.config
    levels, half, temperature = quantize(halves.greys, c.levels), c.height // 2, draw.temperature
    parts = [
        pixelcnn.complete(model, levels[index], rows=half, temperature=temperature, seed=seed)
        for seed, index in _batches(draw, len(halves), "completions", world)
    ]
    return _join(parts, c, world)


def _batches(draw: Draw, count: int, what: str, world: World) -> Iterator[tuple[int, Tensor]]:
    """The indices 0..count-1 in parts, each with a seed of its own: those that this process draws."""
    parts = list(enumerate(torch.arange(count).split(draw.batch_size)))
    title = f"{what} at temperature {draw.temperature:g}"
    mine, quiet = parts[world.share(len(parts))], None if world.first else True
    for k, index in tqdm(mine, title, unit="batch", disable=quiet):
        yield batch_seed(draw.seed, k), index


def _join(
    parts: list[pixelcnn.Samples], config: ModelConfig, world: World
) -> tuple[Tensor, Tensor | None]:
    """Ink, where the level is in the upper half, and classes, on the CPU: what all processes have drawn."""
    none = torch.zeros(0, config.in_channels, config.height, config.width, dtype=torch.long)
    greys = to_greys(torch.cat([none, *(part.levels.cpu() for part in parts)]), config.levels)
    ink = world.gather(quantize(greys, 2).to(torch.uint8))
    if not config.num_classes:
        return ink, None
    labels = [part.label.cpu() for part in parts if part.label is not None]
    return ink, world.gather(torch.cat([none.new_zeros(0), *labels]))
