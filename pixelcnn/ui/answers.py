"""From a model and checked values to plain JSON: what one call computes."""

from typing import Any, TypedDict

import torch
from torch import Tensor

from pixelcnn.density.model import PixelCNN
from pixelcnn.density.typicality import nats_by_rows, typicality
from pixelcnn.sampling.sampler import SEED_LIMIT, Sampler, Samples

Grid = list[list[int]]  # H lists of W levels, 0..K-1
Field = list[list[float]]  # H lists of W


# What their keys hold is told by the methods of `Service`.
class Sampled(TypedDict):
    """Digits."""

    levels: list[Grid]
    labels: list[int] | None
    nats: list[float]
    seed: int
    freehand: bool
    model: str


class Completed(TypedDict):
    """Completions of a digit."""

    levels: list[Grid]
    labels: list[int] | None
    nats: list[float]
    times: list[int]
    posterior: list[float] | None
    rows: int | None
    seed: int
    freehand: bool
    model: str


class Traced(TypedDict):
    """What the model expected of a digit."""

    levels: Grid
    label: int | None
    rows: int
    digits: list[list[float]] | None
    expected: Field
    nats: Field
    entropy: Field
    freehand: bool
    model: str


class Posterior(TypedDict):
    """How probable each digit is."""

    posterior: list[float]


class Likelihood(TypedDict):
    """How probable a drawing is."""

    nats: float
    nats_given_label: list[float] | None
    typicality: float | None
    rows: int
    freehand: bool
    model: str


# As in web/engine/pool.js.
EXTRA_DRAWS = 2  # at most, in search of completions that differ
SEED_STEP = 0x9E3779B9  # from the seed of one draw to that of the next


def sample(
    name: str, sampler: Sampler, *, count: int, freehand: bool = False, **settings: Any
) -> Sampled:
    """Draw digits; see `Service.sample`."""
    samples = sampler.generate(count, freehand=freehand, **settings)
    return {
        "levels": samples.levels[:, 0].tolist(),
        "labels": None if samples.label is None else samples.label.tolist(),
        "nats": rounded(-samples.log_prob.sum((1, 2, 3))),
        "seed": samples.seed,
        "freehand": freehand,
        "model": name,
    }


def complete(
    name: str,
    sampler: Sampler,
    levels: Tensor,
    *,
    part: dict[str, Any],
    count: int,
    label: int | None,
    freehand: bool,
    temperature: float,
    seed: int,
    distinct: bool,
) -> Completed:
    """Draw completions, the most probable first; see `Service.complete`."""
    settings = {**part, "label": label, "freehand": freehand, "temperature": temperature}
    found = _draw(sampler, levels, count, seed, settings, distinct=distinct)
    posterior = found.posterior
    if sampler.model.num_classes and posterior is None:  # the label was given
        posterior = sampler.digit_posterior(levels, **part, freehand=freehand)
    nats = torch.tensor(found.nats, dtype=torch.float64)
    if posterior is not None and label is None:
        nats -= posterior[0].cpu().double().log()[found.labels]  # the class was drawn too
    order = nats[:count].argsort(stable=True).tolist()
    return {
        "levels": [found.levels[k] for k in order],
        "labels": [found.labels[k] for k in order] if sampler.model.num_classes else None,
        "nats": rounded(nats[order]),
        "times": [found.times[k] for k in order],
        "posterior": None if posterior is None else rounded(posterior[0]),
        "rows": part.get("rows"),
        "seed": seed,
        "freehand": freehand,
        "model": name,
    }


def _draw(
    sampler: Sampler,
    levels: Tensor,
    count: int,
    seed: int,
    settings: dict[str, Any],
    *,
    distinct: bool,
) -> "_Found":
    """Draw completions; where they have to differ, with further seeds until there are enough of them."""
    found = _Found()
    for turn in range(1 + EXTRA_DRAWS * distinct):
        turn_seed = (seed + turn * SEED_STEP) % SEED_LIMIT
        samples = sampler.complete(
            levels, count=count, seed=turn_seed, posterior=found.posterior, **settings
        )
        if not found.add(samples, merge=distinct) or len(found.levels) >= count:
            break
    return found


class _Found:
    """Completions in the order drawn; with `merge`, those that look alike are counted as one."""

    def __init__(self) -> None:
        self.levels: list[list[list[int]]] = []
        self.labels: list[int] = []  # none without classes
        self.nats: list[float] = []
        self.times: list[int] = []
        self.posterior: Tensor | None = None  # that the labels were drawn from
        self._places: dict[bytes, int] = {}

    def add(self, samples: Samples, *, merge: bool) -> bool:
        """Take in a draw. Returns whether it brought anything new."""
        before = len(self.levels)
        self.posterior = samples.posterior
        labels = [] if samples.label is None else samples.label.tolist()
        nats = (-samples.log_prob.double().sum((1, 2, 3))).tolist()
        for k, image in enumerate(samples.levels.cpu()[:, 0]):
            place = self._places.setdefault(image.numpy().tobytes(), len(self.levels))
            if merge and place < len(self.levels):
                self.times[place] += 1
                continue
            self.levels.append(image.tolist())
            self.labels += labels[k : k + 1]
            self.nats.append(nats[k])
            self.times.append(1)
        return len(self.levels) > before


@torch.inference_mode()
def trace(
    name: str, model: PixelCNN, levels: Tensor, *, rows: int, label: int | None, freehand: bool
) -> Traced:
    """Tell what the model expected; see `Service.trace`."""
    # One pass as every class: its conditionals add up to how probable each class is at every pixel.
    levels = levels.to(model.device)
    logits = model.conditional_logits(levels, model.every_condition(freehand))
    images = levels.expand(len(logits), -1, -1, -1)
    nats = -model.likelihood.log_prob(logits, images)
    digits = None
    if model.num_classes:
        log_prob = nats.flatten(1).double().neg().cumsum(1)
        digits = torch.nn.functional.pad(log_prob, (1, 0)).softmax(0).T  # (H * W + 1, classes)
        label = int(digits[-1].argmax()) if label is None else label
    chosen = slice(label or 0, (label or 0) + 1)
    nats[:, :, :rows] = 0
    return {
        "levels": levels[0, 0].tolist(),
        "label": label,
        "rows": rows,
        "digits": None if digits is None else rounded(digits, 3),
        "expected": rounded(model.likelihood.mean(logits[chosen])[0, 0]),
        "nats": rounded(nats[chosen][0, 0]),
        "entropy": rounded(model.likelihood.entropy(logits[chosen])[0, 0]),
        "freehand": freehand,
        "model": name,
    }


@torch.inference_mode()
def likelihood(
    name: str, model: PixelCNN, levels: Tensor, *, rows: int, freehand: bool
) -> Likelihood:
    """Measure the likelihood of the first rows; see `Service.likelihood`."""
    levels, by_label, typical = levels.to(model.device), None, None
    if model.num_classes:
        given = model.class_log_prob(levels, freehand=freehand)[0, :, :, :rows].double()
        by_label = rounded(-given.sum((1, 2, 3)))
    if model.reference is not None and model.reference.freehand == freehand:
        typical = rounded(typicality(model, levels, rows=rows))[0]
    return {
        "nats": rounded(nats_by_rows(model, levels, freehand=freehand)[0, rows]),
        "nats_given_label": by_label,
        "typicality": typical,
        "rows": rows,
        "freehand": freehand,
        "model": name,
    }


def rounded(values: Tensor, decimals: int = 4) -> Any:
    """Nested lists with few decimals: what a screen shows, at half the size."""
    # In float64, as a rounded float32 prints with all its digits.
    return values.double().round(decimals=decimals).tolist()
