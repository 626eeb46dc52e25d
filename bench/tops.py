"""The figures of `bench.hands`: what a model makes of the tops of drawings."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

import pixelcnn
from bench.drawings import top_rows
from bench.figures import Figures, batch_seed, share
from bench.judge import Judge, ink_of
from pixelcnn.data.datasets import Images
from pixelcnn.data.pixels import quantize, to_greys
from pixelcnn.density.model import PixelCNN

SURE = 0.9  # the model is sure of a digit that it gives more than this
UNUSUAL = 0.01  # a drawing is flagged whose typicality is less
BINS = 15  # of the calibration error


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A model under one condition, and how it is asked."""

    model: PixelCNN
    freehand: bool
    seed: int
    batch_size: int
    progress: str = ""  # what to call the work

    @property
    def condition(self) -> dict[str, Any]:
        """The condition as an argument, for a model that knows it."""
        return {"freehand": self.freehand} if knows_condition(self.model) else {}


@dataclass(frozen=True)
class Answers:
    """The posterior of N tops."""

    confidence: Tensor  # (N,) of the most probable digit
    right: Tensor  # (N,) bool: it is the digit


def knows_condition(model: PixelCNN) -> bool:
    """Whether the model tells MNIST's digits from free-hand ones."""
    return model.config.freehand


def measure(reader: Reader, judge: Judge, images: Images) -> tuple[Figures, Answers]:
    """Read and complete the tops of digits.

    Args:
        reader: whom to ask.
        judge: reads the completions.
        images: whole digits.

    Returns:
        the figures of one row of the table, and what they are made of, to be pooled.
    """
    levels = quantize(images.greys, reader.model.config.levels)
    rows = top_rows(ink_of(images))
    posterior = torch.empty(len(images), reader.model.num_classes)
    completed = torch.empty_like(levels)
    for k, index, count in _batches(reader, rows):
        given = levels[index]
        some = pixelcnn.digit_posterior(reader.model, given, rows=count, **reader.condition)
        posterior[index] = some.cpu().float()
        generator = torch.Generator().manual_seed(batch_seed(reader.seed, k))
        drawn = torch.multinomial(posterior[index], 1, generator=generator)[:, 0]
        completed[index] = pixelcnn.complete(
            reader.model,
            given,
            rows=count,
            label=drawn,
            seed=batch_seed(reader.seed, k),
            **reader.condition,
        ).levels.cpu()
    ink = quantize(to_greys(completed, reader.model.config.levels), 2)
    confidence, digit = posterior.max(1)
    answers = Answers(confidence, digit == images.labels)
    figures = figures_of(answers) | {
        "completed": share(judge.read(ink).digit == images.labels),
        "whole": share(judge.read(ink_of(images)).digit == images.labels),
        "flagged": flagged(reader, images.greys),
    }
    return figures, answers


def figures_of(answers: Answers) -> Figures:
    """How often the most probable digit is right, or wrong though it is sure, and how honest it is."""
    return {
        "right": share(answers.right),
        "sure_and_wrong": share(~answers.right & (answers.confidence > SURE)),
        "calibration_error": calibration_error(answers),
    }


def pool(answers: list[Answers]) -> Answers:
    """All answers as one set."""
    return Answers(
        torch.cat([a.confidence for a in answers]), torch.cat([a.right for a in answers])
    )


def calibration_error(answers: Answers) -> float:
    """The expected calibration error: how far confidence is from the share of right answers, on average.

    Guo et al. 2017, "On calibration of modern neural networks", section 2, in bins of equal width.

    Example:
        >>> calibration_error(Answers(torch.tensor([0.75, 0.75]), torch.tensor([True, False])))
        0.25
    """
    bins = (answers.confidence * BINS).long().clamp(max=BINS - 1)
    gap = answers.confidence.double() - answers.right.double()
    sums = torch.zeros(BINS, dtype=torch.float64).index_add_(0, bins, gap)
    return float(sums.abs().sum() / len(gap))


def flagged(reader: Reader, greys: Tensor) -> float | None:
    """The share of drawings whose tops are unlike what the model knows; None where it cannot tell."""
    typical = typicalities(reader, greys)
    return None if typical is None else share(typical < UNUSUAL)


def typicalities(reader: Reader, greys: Tensor) -> Tensor | None:
    """The typicality (N,) of the tops of drawings (N, 1, H, W), as free-hand ones."""
    if not (reader.freehand and knows_condition(reader.model)):
        return None
    levels, rows = quantize(greys, reader.model.config.levels), top_rows(quantize(greys, 2))
    typical = torch.empty(len(greys))
    for _, index, count in _batches(reader, rows):
        typical[index] = pixelcnn.typicality(reader.model, levels[index], rows=count).cpu().float()
    return typical


def _batches(reader: Reader, rows: Tensor) -> Iterator[tuple[int, Tensor, int]]:
    """The images in batches of as many given rows: the batch's number, the images, the rows."""
    batches = [
        (index, count)
        for count in rows.unique().tolist()
        for index in (rows == count).nonzero()[:, 0].split(reader.batch_size)
    ]
    for k, (index, count) in enumerate(tqdm(batches, reader.progress, disable=None)):
        yield k, index, count
