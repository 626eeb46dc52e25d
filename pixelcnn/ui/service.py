"""What programs ask of the models: checked values in, plain JSON out.

Each public method of `Service` is one endpoint. Programs call them as named endpoints, pages in browsers that
cannot run the engine as server functions; both run here, on one executor.
"""

from collections.abc import Mapping
from typing import Any

from pixelcnn.density.model import PixelCNN
from pixelcnn.foreign import short
from pixelcnn.sampling.sampler import Sampler
from pixelcnn.ui import answers, payloads
from pixelcnn.ui.answers import Completed, Grid, Likelihood, Posterior, Sampled, Traced
from pixelcnn.ui.executor import ModelExecutor

ENDPOINTS = ("sample", "complete", "trace", "posterior", "likelihood")  # methods of `Service`
MAX_COUNT = 64
MAX_TEMPERATURE = 2.0


class Service:
    """The models under their names, behind one bounded executor. No answer depends on what else is asked.

    So calls that wait for the same model are not drawn as one batch: PyTorch rounds otherwise in a batch of
    another size, and some seeds would not keep their digits. docs/determinism.md tells how many.

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
        self.samplers = {name: Sampler(model) for name, model in self.models.items()}
        self.endpoints = tuple(getattr(self, name) for name in ENDPOINTS)

    async def sample(
        self,
        count: int = 16,
        label: int | None = None,
        temperature: float = 1.0,
        seed: int | None = None,
        model: str | None = None,
        freehand: bool = False,
    ) -> Sampled:
        """Draw digits.

        Args:
            count: how many, 1 to 64.
            label: the digit to draw, or None for any.
            temperature: 0 (the most probable level at every pixel) to 2; 1 is the model itself.
            seed: draws the same digits again; None takes a fresh one.
            model: its name; None takes the first.
            freehand: as people draw, at any place and size; false: as MNIST has them. Only for models that
                know both hands.

        Returns:
            levels: of each digit H lists of W levels, 0 (background) to K-1 (ink).
            labels: the digit that each was drawn as; None if the model knows no digits.
            nats: of each digit, given its label: minus the log of its probability.
            seed: draws the same again.
            freehand: as it was asked for.
            model: the name of the model that drew.
        """
        name, chosen = self._model(model)
        return await self.executor.run(
            answers.sample,
            name,
            self.samplers[name],
            count=payloads.whole("count", count, 1, MAX_COUNT),
            label=payloads.label(label, chosen),
            freehand=payloads.freehand(freehand, chosen),
            temperature=payloads.real("temperature", temperature, 0, MAX_TEMPERATURE),
            seed=payloads.seed(seed),
        )

    async def complete(
        self,
        levels: Grid,
        rows: int | None = None,
        count: int = 8,
        label: int | None = None,
        temperature: float = 1.0,
        seed: int | None = None,
        model: str | None = None,
        distinct: bool = False,
        freehand: bool = False,
        given: list[list[bool]] | None = None,
    ) -> Completed:
        """Keep the given pixels of an image and draw the others, several times.

        Args:
            levels: H lists of W levels, 0 (background) to K-1 (ink); pixels that are not given are ignored.
            rows: how many of the first rows are given, 0 to H; the upper half without a mask.
            count: how many completions, 1 to 64.
            label: the digit to complete to, or None to draw it from the posterior.
            temperature: 0 (the most probable level at every pixel) to 2; 1 is the model itself.
            seed: draws the same completions again; None takes a fresh one.
            model: its name; None takes the first.
            distinct: count completions that look alike as one, and draw up to twice more in search of others;
                there may be fewer than asked for, at temperature 0 one for each label.
            freehand: as people draw, at any place and size; false: as MNIST has them. Only for models that
                know both hands.
            given: a mask instead of rows, H lists of W booleans, true where a pixel is given. Only for models
                with a conditioner, unless it holds the first rows.

        Returns:
            levels: of each completion H lists of W levels; the most probable comes first.
            labels: the digit that each was drawn as; None if the model knows no digits.
            nats: of the pixels drawn, and of the label where it was drawn too.
            times: how often each was drawn.
            posterior: how probable each digit is, given the pixels; None if the model knows no digits.
            rows: as they were asked for; None with a mask.
            seed: draws the same again.
            freehand: as it was asked for.
            model: the name of the model that drew.
        """
        name, chosen = self._model(model)
        return await self.executor.run(
            answers.complete,
            name,
            self.samplers[name],
            payloads.levels(levels, chosen),
            part=payloads.part(rows, given, chosen),
            count=payloads.whole("count", count, 1, MAX_COUNT),
            label=payloads.label(label, chosen),
            freehand=payloads.freehand(freehand, chosen),
            temperature=payloads.real("temperature", temperature, 0, MAX_TEMPERATURE),
            seed=payloads.seed(seed),
            distinct=payloads.truth("distinct", distinct),
        )

    async def trace(
        self,
        levels: Grid,
        rows: int = 0,
        label: int | None = None,
        model: str | None = None,
        freehand: bool = False,
    ) -> Traced:
        """Tell what the model expected at every pixel of an image, given all earlier ones.

        Args:
            levels: H lists of W levels, 0 (background) to K-1 (ink).
            rows: how many were given, not drawn: their nats count 0.
            label: the digit it is; None takes the most probable one.
            model: its name; None takes the first.
            freehand: as people draw, at any place and size; false: as MNIST has them. Only for models that
                know both hands.

        Returns:
            levels: as they were given.
            label: the digit that it was taken for; None if the model knows no digits.
            rows: as they were given.
            digits: H*W+1 lists of how probable each digit is, before the first pixel and after each, to 3
                decimals; None if the model knows no digits.
            expected: the mean level at each pixel, 0 to 1, in H lists of W.
            nats: of each pixel: minus the log of the probability of its level.
            entropy: how unsure the model was of each pixel, in nats.
            freehand: as it was asked for.
            model: the name of the model that was asked.
        """
        name, chosen = self._model(model)
        return await self.executor.run(
            answers.trace,
            name,
            chosen,
            payloads.levels(levels, chosen),
            rows=payloads.whole("rows", rows, 0, chosen.config.height),
            label=payloads.label(label, chosen),
            freehand=payloads.freehand(freehand, chosen),
        )

    async def posterior(
        self,
        levels: Grid,
        rows: int | None = None,
        model: str | None = None,
        freehand: bool = False,
        given: list[list[bool]] | None = None,
    ) -> Posterior:
        """How probable each digit is, given some pixels of an image.

        Args:
            levels: H lists of W levels; pixels that are not given are ignored.
            rows: how many of the first rows are given, 0 to H; the upper half without a mask.
            model: its name; None takes the first.
            freehand: as people draw, at any place and size; false: as MNIST has them. Only for models that
                know both hands.
            given: a mask instead of rows, H lists of W booleans, true where a pixel is given. Only for models
                with a conditioner, unless it holds the first rows.

        Returns:
            posterior: one probability per digit, adding up to 1.
        """
        name, chosen = self._model(model)
        digits = await self.executor.run(
            self.samplers[name].digit_posterior,
            payloads.levels(levels, chosen),
            **payloads.part(rows, given, chosen),
            freehand=payloads.freehand(freehand, chosen),
        )
        return {"posterior": answers.rounded(digits[0])}

    async def likelihood(
        self,
        levels: Grid,
        rows: int | None = None,
        model: str | None = None,
        freehand: bool = False,
    ) -> Likelihood:
        """How probable an image is, and how usual among digits.

        Args:
            levels: H lists of W levels, 0 (background) to K-1 (ink).
            rows: how many of them count, 0 to H; None takes all.
            model: its name; None takes the first.
            freehand: as people draw, at any place and size; false: as MNIST has them. Only for models that
                know both hands.

        Returns:
            nats: minus the log of the probability of these rows.
            nats_given_label: the same given each digit in turn; None if the model knows no digits.
            typicality: the share of drawings of digits that are at least as surprising, 0 to 1; None where
                it was not measured for this model and hand.
            rows: how many counted.
            freehand: as it was asked for.
            model: the name of the model that was asked.
        """
        name, chosen = self._model(model)
        height = chosen.config.height
        return await self.executor.run(
            answers.likelihood,
            name,
            chosen,
            payloads.levels(levels, chosen),
            rows=height if rows is None else payloads.whole("rows", rows, 0, height),
            freehand=payloads.freehand(freehand, chosen),
        )

    def _model(self, name: Any) -> tuple[str, PixelCNN]:
        if name is None:
            name = next(iter(self.models))
        if type(name) is not str or name not in self.models:
            names = ", ".join(self.models)
            raise ValueError(f"model must be one of {names}, got {short(name)}.")
        return name, self.models[name]
