"""`Sampler`: draws digits from one model, and owns what sampling derives from its weights."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import SupportsIndex

import torch
from torch import Tensor

from pixelcnn.density.model import CHUNK, Label, PixelCNN, check_model
from pixelcnn.devices import one_thread_workers
from pixelcnn.foreign import short, whole
from pixelcnn.sampling.blank import BlankRows
from pixelcnn.sampling.draft import Draft, Drawn, join
from pixelcnn.sampling.importance import Importance
from pixelcnn.sampling.part import GivenPart
from pixelcnn.sampling.rows import row_weights
from pixelcnn.sampling.sweep import sweep

SEED_LIMIT = 2**32  # PyTorch's generator, mt19937, reads no more than 32 bits of a seed

_FIRST_PROCESS = os.getpid()

MIN_PART = 3  # so many images are worth a thread of their own


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Digits, and what the model thought of them as it drew.

    `log_prob`, `entropy` and `expected` are those of the distribution that each pixel was drawn from, at
    temperature 1, whatever the temperature of the draw. Given pixels were not drawn: they count 0 in
    `log_prob` and `entropy`, and are themselves in `expected`.
    """

    levels: Tensor  # (B, C, H, W) integers 0..K-1
    label: Tensor | None  # (B,) the class of each digit, given or drawn; None without classes
    log_prob: Tensor  # (B, C, H, W) nats
    entropy: Tensor  # (B, C, H, W) nats
    expected: Tensor  # (B, C, H, W) mean level / (K-1), 0 to 1: the probability of ink for K = 2
    posterior: Tensor | None  # (images, classes) p(class | given pixels), where it drew the labels
    seed: int  # draws the same digits again
    passes: int  # row passes, summed over the rows (blank ones above the first ink take none)
    importance: Importance | None = None  # of the candidates that the digits were chosen from

    def part(self, index: Tensor) -> "Samples":
        """Some of the digits, (n,) indices."""
        names = ("levels", "log_prob", "entropy", "expected")
        values = {name: getattr(self, name)[index] for name in names}
        return replace(self, label=None if self.label is None else self.label[index], **values)


class Sampler:
    """Draws digits from one model.

    It keeps copies of the weights in the order that rows need, and the features of blank rows, and makes them
    anew when the weights have changed. It can be copied and pickled.

    Args:
        model: in eval mode.

    Raises:
        ValueError: if the model is in training mode, now or when it draws.

    Example:
        >>> from pixelcnn.config import ModelConfig
        >>> model = PixelCNN(ModelConfig(height=3, width=3, inner_dim=4, dilations=(1,))).eval()
        >>> sampler = Sampler(model)
        >>> a, b = sampler.generate(2, seed=0), sampler.generate(2, seed=0)
        >>> bool((a.levels == b.levels).all())
        True
    """

    def __init__(self, model: PixelCNN) -> None:
        check_model(model)
        _check_eval(model)
        self.model = model
        self._prepare()

    def _prepare(self) -> None:
        """Derive what sampling needs from the weights as they are."""
        model = self.model
        self._origin = [p.detach().clone() for p in model.parameters()]
        with torch.no_grad(), _full_precision(model):
            self.weights = row_weights(model.network, model.conditioner)
        self.blank = BlankRows(model)

    def _follow_weights(self) -> None:
        """Prepare anew where the weights have changed: by value, as PyTorch does not count every change."""
        for p, before in zip(self.model.parameters(), self._origin, strict=True):
            same = (p.dtype, p.device) == (before.dtype, before.device)
            if not (same and torch.equal(p, before)):
                self._prepare()
                return

    def __getstate__(self) -> dict[str, PixelCNN]:
        """The model; a copy derives the rest anew."""
        return {"model": self.model}

    def __setstate__(self, state: dict[str, PixelCNN]) -> None:
        """Undo `__getstate__`."""
        self.model = state["model"]
        self._prepare()

    def generate(
        self,
        count: int,
        label: Label = None,
        *,
        freehand: bool = False,
        temperature: float = 1.0,
        seed: SupportsIndex | None = None,
    ) -> Samples:
        """Draw digits: completions of images of which nothing is given. See `draw.generate`."""
        whole("count", count, 1)
        c = self.model.config
        blank = torch.zeros(count, c.in_channels, c.height, c.width, dtype=torch.long, device="cpu")
        return self.complete(
            blank, rows=0, label=label, freehand=freehand, temperature=temperature, seed=seed
        )

    @torch.no_grad()
    def complete(
        self,
        levels: Tensor,
        *,
        rows: int | None = None,
        given: Tensor | None = None,
        count: int = 1,
        label: Label = None,
        freehand: bool = False,
        temperature: float = 1.0,
        seed: SupportsIndex | None = None,
        candidates: int | None = None,
        posterior: Tensor | None = None,
    ) -> Samples:
        """Keep the given pixels of images and draw the others; see `draw.complete`.

        Args as there, and:
            posterior: what `digit_posterior` says of the same images and mask, where that is known already.
        """
        whole("count", count, 1)
        _check_temperature(temperature)
        seed = check_seed(seed)
        self._follow_weights()
        generator = torch.Generator().manual_seed(seed)
        _check_eval(self.model)
        part = GivenPart.of(self.model, levels, rows, given, freehand)
        if candidates is None:
            return self._complete(part, count, label, temperature, seed, generator, posterior)
        whole("candidates", candidates, count)
        if temperature != 1:
            raise ValueError(
                f"Candidates are weighted at temperature 1, got {short(temperature)}: leave out one of both."
            )
        drawn = self._complete(part, candidates, label, 1.0, seed, generator, posterior)
        importance = self._importance(part, drawn, drew_label=label is None)
        chosen = importance.resample(count, generator).to(self.model.device)
        return replace(drawn.part(chosen), importance=importance)

    def _importance(self, part: GivenPart, drawn: Samples, *, drew_label: bool) -> Importance:
        """The weights of candidates: see `importance.py`."""
        model, images = self.model, len(part.levels)
        labels = drawn.label
        with _full_precision(model):
            chunks = [
                model.log_prob(
                    drawn.levels[some],
                    None if labels is None else labels[some],
                    freehand=part.freehand,
                )
                for some in torch.arange(len(drawn.levels), device=model.device).split(CHUNK)
            ]
        ratio = (torch.cat(chunks).double() - drawn.log_prob.double()).sum((1, 2, 3))
        log_weights = ratio.view(images, -1)
        if labels is None:
            return Importance(log_weights, None)
        labels = labels.view(images, -1)
        if drew_label:
            assert drawn.posterior is not None
            proposal = drawn.posterior.double().log().gather(1, labels)
            log_weights = log_weights - math.log(model.num_classes) - proposal
        return Importance(log_weights, labels)

    def _complete(
        self,
        part: GivenPart,
        count: int,
        label: Label,
        temperature: float,
        seed: int,
        generator: torch.Generator,
        posterior: Tensor | None,
    ) -> Samples:
        """Draw `count` completions of each image."""
        model = self.model
        images = part.levels.repeat_interleave(count, 0)
        uniforms = _uniforms(images.shape, generator)
        if label is None and model.num_classes:
            if posterior is None:
                posterior = part.posterior()
            label = _draw_classes(posterior.repeat_interleave(count, 0), generator)
        label = model.expand_label(label, len(images))
        features = part.features
        draft = Draft(
            levels=images,
            uniforms=uniforms.to(model.device),
            condition=model.condition(label, part.freehand, len(images)),
            given=part.mask.repeat_interleave(count, 0),
            features=None if features is None else features.repeat_interleave(count, 0),
            temperature=temperature,
        )
        return self._samples(draft, label, posterior, seed)

    @torch.no_grad()
    def digit_posterior(
        self,
        levels: Tensor,
        *,
        rows: int | None = None,
        given: Tensor | None = None,
        freehand: bool = False,
    ) -> Tensor:
        """How probable each class is, given some pixels; see `draw.digit_posterior`."""
        model = self.model
        _check_eval(model)
        if not model.num_classes:
            raise ValueError("This model has no classes, so it cannot tell how probable each is.")
        with _full_precision(model):
            return GivenPart.of(model, levels, rows, given, freehand).posterior()

    def _samples(
        self, draft: Draft, label: Tensor | None, posterior: Tensor | None, seed: int
    ) -> Samples:
        """Draw what a draft asks for, and say what the model thought of it."""
        drawn = self.draw(draft)
        # Copies, as autograd has no use for tensors that were made in inference mode.
        levels, logits, given = drawn.levels.clone(), drawn.logits.clone(), draft.mask
        likelihood = self.model.likelihood
        known = levels.to(logits.dtype) / (self.model.config.levels - 1)
        return Samples(
            levels=levels,
            label=label,
            log_prob=likelihood.log_prob(logits, levels).masked_fill(given, 0),
            entropy=likelihood.entropy(logits).masked_fill(given, 0),
            expected=torch.where(given, known, likelihood.mean(logits)),
            posterior=posterior,
            seed=seed,
            passes=sum(drawn.passes),
        )

    @torch.inference_mode()
    def draw(self, draft: Draft) -> Drawn:
        """The same digits as `naive.draw_naive`, by fixed-point iteration on each row; see `sweep.py`.

        On a CPU a large batch is divided among threads, and each operation takes one thread.

        Raises:
            ValueError: if the model is in training mode.
        """
        _check_eval(self.model)
        reached = draft.rows_reached()
        if len(reached.unique()) > 1:
            return self._draw_groups(draft, reached)
        if self.model.device.type != "cpu":
            return self._sweep(draft)
        count = max(1, min(torch.get_num_threads(), len(draft) // MIN_PART))
        with one_thread_workers(count) as pool:
            return join(list(pool.map(self._sweep, draft.split(count))))

    def _draw_groups(self, draft: Draft, reached: Tensor) -> Drawn:
        """Draw the images of a batch in groups, as a sweep changes at one row from terms to none."""
        groups = [(reached == rows).nonzero()[:, 0] for rows in reached.unique()]
        joined = join([self.draw(draft.part(index)) for index in groups])
        place = torch.cat(groups).argsort()
        return joined._replace(levels=joined.levels[place], logits=joined.logits[place])

    def _sweep(self, draft: Draft) -> Drawn:
        with torch.inference_mode(), _full_precision(self.model):  # both belong to the thread
            return sweep(self.model, self.weights, self.blank, draft)


def _draw_classes(posterior: Tensor, generator: torch.Generator) -> Tensor:
    """One class from each row of probabilities, (B, classes) -> (B,)."""
    cdf = posterior.cpu().cumsum(-1)
    cdf = (
        cdf[:, :-1] / cdf[:, -1:]
    )  # by the sum as it was rounded, so that no class of probability 0 is drawn
    return (cdf <= _uniforms((len(cdf), 1), generator)).sum(-1)


def _uniforms(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Random numbers in [0, 1): on the CPU whatever the device, in float32 whatever the default dtype.

    So a seed means the same digits everywhere.
    """
    return torch.rand(*shape, generator=generator, dtype=torch.float32, device="cpu")


def check_seed(seed: SupportsIndex | None) -> int:
    """The seed as an int; None draws a fresh one from PyTorch's global generator.

    Forked processes share the state of that generator, so each adds its own number.

    Raises:
        ValueError: if it is no integer from 0 to 2**32 - 1.
    """
    if seed is None:
        forked = 0 if os.getpid() == _FIRST_PROCESS else os.getpid() * 0x9E3779B1
        return (int(torch.randint(2**31, (), device="cpu")) + forked) % 2**31
    return whole("seed", seed, 0, SEED_LIMIT - 1)


def _full_precision(model: PixelCNN) -> torch.autocast:
    """Switch autocast off: sampling computes in the precision of the weights."""
    return torch.autocast(model.device.type, enabled=False)


def _check_eval(model: PixelCNN) -> None:
    if model.training:
        raise ValueError("Sampling needs a model in eval mode: call model.eval() first.")


def _check_temperature(temperature: float) -> None:
    if not (isinstance(temperature, Real) and 0 <= temperature < float("inf")):
        raise ValueError(f"temperature must be finite and 0 or more, got {short(temperature)}.")
