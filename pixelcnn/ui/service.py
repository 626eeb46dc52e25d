"""What the page and programs ask of the models: checked values in, plain JSON out.

Each public method of `Service` is one endpoint. The page calls them as server functions, programs as
named endpoints; both run here, on one executor.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

import pixelcnn
from pixelcnn.model import PixelCNN
from pixelcnn.ui import payloads
from pixelcnn.ui.executor import ModelExecutor

Grid = list[list[int]]  # H lists of W levels, 0..K-1
Answer = dict[str, Any]

MAX_COUNT = 64
MAX_TEMPERATURE = 2.0


class Service:
    """The models under their names, behind one bounded executor. Holds no state of any user.

    Args:
        models: at least one, with one channel each; the first is the default.
        executor: shared by all calls.

    Raises:
        ValueError: if there is no model, or one has several channels.
    """

    def __init__(self, models: Mapping[str, PixelCNN], executor: ModelExecutor) -> None:
        if not models:
            raise ValueError("The page needs at least one model.")
        for name, model in models.items():
            if model.config.in_channels != 1:
                raise ValueError(f"The page draws images of one channel, which {name} is not.")
        self.models = dict(models)
        self.executor = executor

    async def sample(
        self,
        count: int = 16,
        label: int | None = None,
        temperature: float = 1.0,
        seed: int | None = None,
        model: str | None = None,
    ) -> Answer:
        """Draw digits.

        Args:
            count: how many, 1 to 64.
            label: the digit to draw, or None for any.
            temperature: 0 (the most probable level at every pixel) to 2; 1 is the model itself.
            seed: draws the same digits again; None takes a fresh one.
            model: its name; None takes the first.

        Returns:
            levels (count x H x W), labels, nats (of each digit, given its label), seed, model.
        """
        name, chosen = self._model(model)
        return await self.executor.run(
            _sample,
            name,
            chosen,
            count=payloads.whole("count", count, 1, MAX_COUNT),
            label=payloads.label(label, chosen),
            temperature=payloads.real("temperature", temperature, 0, MAX_TEMPERATURE),
            seed=payloads.seed(seed),
        )

    async def complete(
        self,
        levels: Grid,
        rows: int = 14,
        count: int = 8,
        label: int | None = None,
        temperature: float = 1.0,
        seed: int | None = None,
        model: str | None = None,
    ) -> Answer:
        """Keep the first rows of an image and draw the others, several times.

        Args:
            levels: H lists of W levels, 0 (background) to K-1 (ink); those below the rows are ignored.
            rows: how many are given, 0 to H.
            count: how many completions, 1 to 64.
            label: the digit to complete to, or None to draw it from the posterior.
            temperature: 0 to 2.
            seed: draws the same completions again; None takes a fresh one.
            model: its name; None takes the first.

        Returns:
            levels (count x H x W, the most probable first), labels, nats (of the rows drawn), posterior
            (of the digit, given the rows), rows, seed, model.
        """
        name, chosen = self._model(model)
        return await self.executor.run(
            _complete,
            name,
            chosen,
            payloads.levels(levels, chosen),
            rows=payloads.whole("rows", rows, 0, chosen.config.height),
            count=payloads.whole("count", count, 1, MAX_COUNT),
            label=payloads.label(label, chosen),
            temperature=payloads.real("temperature", temperature, 0, MAX_TEMPERATURE),
            seed=payloads.seed(seed),
        )

    async def trace(
        self, levels: Grid, rows: int = 0, label: int | None = None, model: str | None = None
    ) -> Answer:
        """Tell what the model expected at every pixel of an image, given all earlier ones.

        Args:
            levels: H lists of W levels.
            rows: how many were given, not drawn: their nats count 0.
            label: the digit it is; None takes the most probable one.
            model: its name; None takes the first.

        Returns:
            levels, label, rows; expected (mean level, 0 to 1), nats and entropy (H x W each); digits
            (H+1 x classes: how probable each is before the first row and after each).
        """
        name, chosen = self._model(model)
        return await self.executor.run(
            _trace,
            name,
            chosen,
            payloads.levels(levels, chosen),
            rows=payloads.whole("rows", rows, 0, chosen.config.height),
            label=payloads.label(label, chosen),
        )

    async def posterior(self, levels: Grid, rows: int = 14, model: str | None = None) -> Answer:
        """How probable each digit is, given the first rows of an image.

        Args:
            levels: H lists of W levels; those below the rows are ignored.
            rows: how many are given, 0 to H.
            model: its name; None takes the first.

        Returns:
            posterior: one probability per digit, adding up to 1.
        """
        _, chosen = self._model(model)
        given = payloads.levels(levels, chosen)
        rows = payloads.whole("rows", rows, 0, chosen.config.height)
        digits = await self.executor.run(pixelcnn.digit_posterior, chosen, given, rows=rows)
        return {"posterior": _rounded(digits[0])}

    def _model(self, name: Any) -> tuple[str, PixelCNN]:
        if name is None:
            name = next(iter(self.models))
        if type(name) is not str or name not in self.models:
            raise ValueError(f"model must be one of {', '.join(self.models)}, got {name!r:.40}.")
        return name, self.models[name]


def _sample(name: str, model: PixelCNN, *, count: int, **settings: Any) -> Answer:
    samples = pixelcnn.generate(model, count, **settings)
    return {
        "levels": samples.levels[:, 0].tolist(),
        "labels": _labels(samples.label),
        "nats": _nats(samples.log_prob),
        "seed": samples.seed,
        "model": name,
    }


def _complete(
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
    nats = _nats(samples.log_prob)
    surprise = [
        given - (float(posterior[digit].log()) if posterior is not None and label is None else 0)
        for given, digit in zip(nats, _labels(samples.label) or [0] * count, strict=True)
    ]
    order = torch.tensor(surprise).argsort(stable=True)
    return {
        "levels": samples.levels[order, 0].tolist(),
        "labels": None if samples.label is None else samples.label.cpu()[order].tolist(),
        "nats": [nats[k] for k in order],
        "posterior": None if posterior is None else _rounded(posterior),
        "rows": rows,
        "seed": seed,
        "model": name,
    }


@torch.inference_mode()
def _trace(name: str, model: PixelCNN, levels: Tensor, *, rows: int, label: int | None) -> Answer:
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
        "digits": None if digits is None else _rounded(digits),
        "model": name,
        **{key: _rounded(value[0, 0]) for key, value in shown.items()},
    }


def _labels(label: Tensor | None) -> list[int] | None:
    return None if label is None else label.tolist()


def _nats(log_prob: Tensor) -> list[float]:
    """Nats of each image. Shape (B, C, H, W) -> B numbers."""
    return _rounded(-log_prob.sum((1, 2, 3)))


def _rounded(values: Tensor) -> Any:
    """Nested lists with four decimals: what a screen shows, at half the size."""
    # In float64, as a rounded float32 prints with all its digits.
    return (values.double() * 1e4).round().div(1e4).tolist()
