"""From a model and checked values to plain JSON: what one call computes."""

from typing import Any

import torch
from torch import Tensor

import pixelcnn
from pixelcnn.model import PixelCNN

Answer = dict[str, Any]


def sample(name: str, model: PixelCNN, *, count: int, **settings: Any) -> Answer:
    """Draw digits; see `Service.sample`."""
    samples = pixelcnn.generate(model, count, **settings)
    return {
        "levels": samples.levels[:, 0].tolist(),
        "labels": None if samples.label is None else samples.label.tolist(),
        "nats": rounded(-samples.log_prob.sum((1, 2, 3))),
        "seed": samples.seed,
        "model": name,
    }


def complete(
    name: str,
    model: PixelCNN,
    levels: Tensor,
    *,
    rows: int,
    count: int,
    label: int | None,
    temperature: float,
    seed: int,
) -> Answer:
    """Draw completions, the most probable first; see `Service.complete`."""
    posterior = None
    labels: Tensor | int | None = label
    if model.num_classes:
        posterior = pixelcnn.digit_posterior(model, levels, rows=rows)[0].cpu()
        if label is None:  # `complete` would compute the same posterior once more
            generator = torch.Generator().manual_seed(seed)
            labels = posterior.multinomial(count, replacement=True, generator=generator)
    samples = pixelcnn.complete(
        model, levels, rows=rows, count=count, label=labels, temperature=temperature, seed=seed
    )
    nats = -samples.log_prob.sum((1, 2, 3)).cpu()
    if posterior is not None and label is None:
        nats -= posterior.log()[samples.label]  # the class was drawn too
    order = nats.argsort(stable=True)
    labels = samples.label
    return {
        "levels": samples.levels.cpu()[order, 0].tolist(),
        "labels": None if labels is None else labels.cpu()[order].tolist(),
        "nats": rounded(nats[order]),
        "posterior": None if posterior is None else rounded(posterior),
        "rows": rows,
        "seed": seed,
        "model": name,
    }


@torch.inference_mode()
def trace(name: str, model: PixelCNN, levels: Tensor, *, rows: int, label: int | None) -> Answer:
    """Tell what the model expected; see `Service.trace`."""
    digits = None
    if model.num_classes:
        by_row = model.class_log_prob(levels).sum((2, 4))[0]  # (classes, H)
        so_far = torch.nn.functional.pad(by_row.cumsum(-1), (1, 0)).T  # (H + 1, classes)
        digits = so_far.softmax(-1)
        label = int(digits[-1].argmax()) if label is None else label
    logits = model(levels, label)
    shown = {
        "expected": model.likelihood.mean(logits),
        "nats": -model.likelihood.log_prob(logits, levels),
        "entropy": model.likelihood.entropy(logits),
    }
    shown["nats"][:, :, :rows] = 0
    return {
        "levels": levels[0, 0].tolist(),
        "label": label,
        "rows": rows,
        "digits": None if digits is None else rounded(digits),
        "model": name,
        **{key: rounded(value[0, 0]) for key, value in shown.items()},
    }


def rounded(values: Tensor) -> Any:
    """Nested lists with four decimals: what a screen shows, at half the size."""
    # In float64, as a rounded float32 prints with all its digits.
    return (values.double() * 1e4).round().div(1e4).tolist()
