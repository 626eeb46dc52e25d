"""`PixelCNN`: integer levels, and a class or none, to logits and log-probabilities.

The joint distribution of an image is the product of its pixels' conditionals in raster order
(van den Oord et al. 2016, arXiv:1601.06759, equation 1); the channels of one pixel are independent given all
earlier pixels. With classes the model is the mixture p(x) = mean over y of p(x | y).

A model that knows two hands holds two such densities: one of MNIST's digits, and one of digits as people draw
them (`freehand=True`), at any place and size and with any pen. The network is told class and hand as one
number, the condition: label + classes * freehand.
"""

import math

import torch
from torch import Tensor, nn

from pixelcnn.config import ModelConfig
from pixelcnn.data.pixels import to_input
from pixelcnn.density.conditioner import Conditioner
from pixelcnn.density.given import are_first_rows, check_given, rows_reached
from pixelcnn.density.likelihood import make_likelihood
from pixelcnn.density.networks import GatedNetwork, ResidualNetwork, Terms
from pixelcnn.density.reference import Reference
from pixelcnn.foreign import short

Label = int | Tensor | None

# Images in one pass, where there are many to do. Of more than some 50 a CPU's features are over 32 MB, which
# the C library takes from the system anew for every operation: 1.3 (bf16) to 1.6 times the time.
CHUNK = 25


# PyTorch has too few operations on the other unsigned ones.
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def check_model(model: nn.Module) -> None:
    """Refuse a model within a wrapper.

    Raises:
        ValueError: in one sentence that names the wrapper.
    """
    if isinstance(getattr(model, "module", None), PixelCNN):
        name = type(model).__name__
        raise ValueError(f"model must be a PixelCNN, got {name}: give its .module.")


class PixelCNN(nn.Module):
    """An exact density over images of integer levels.

    Args:
        config: architecture, likelihood, size.

    Example:
        >>> model = PixelCNN(ModelConfig(height=3, width=3, inner_dim=4, dilations=(1,)))
        >>> levels = torch.zeros(2, 1, 3, 3, dtype=torch.long)
        >>> model.log_prob(levels).shape
        torch.Size([2, 1, 3, 3])
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.likelihood = make_likelihood(config.likelihood, config.levels)
        out = config.in_channels * self.likelihood.parameters
        network = GatedNetwork if config.architecture == "gated" else ResidualNetwork
        self.network: GatedNetwork | ResidualNetwork = network(config, out)
        if config.conditioner_dim and config.architecture != "gated":
            raise ValueError(
                "A conditioner needs the gated architecture: set conditioner_dim to 0."
            )
        self.conditioner = Conditioner(config) if config.conditioner_dim else None
        self.reference: Reference | None = None  # what `typicality` ranks by, once it was measured

    @property
    def num_classes(self) -> int:
        """Classes of the mixture; 0 without."""
        return self.config.num_classes

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return next(self.parameters()).dtype

    def forward(
        self, levels: Tensor, label: Label = None, *, freehand: bool | Tensor = False
    ) -> Tensor:
        """Logits of every sub-pixel given all earlier pixels, the class and the hand.

        Args:
            levels: (B, C, H, W) integers 0..K-1; the first rows alone, (B, C, rows, W), will do.
            label: int or (B,); None only for a model without classes.
            freehand: of all, or of each, (B,) bool; False for a model that knows one hand.

        Returns:
            (B, C, H, W, parameters of the likelihood).

        Raises:
            ValueError: if shape, levels, label or freehand are not what the config allows.
        """
        self.check_levels(levels)
        label = self.expand_label(label, len(levels))
        return self.conditional_logits(levels, self.condition(label, freehand, len(levels)))

    def conditional_logits(
        self, levels: Tensor, condition: Tensor | None, terms: Terms | None = None
    ) -> Tensor:
        """`forward`, unchecked, as a network is told the condition.

        Args:
            levels: (B, C, H, W) integers 0..K-1.
            condition: (B * k,) from `condition`, k of each image in a row, or None.
            terms: of the conditioner, for the B images.

        Returns:
            (B * k, C, H, W, parameters of the likelihood).
        """
        x = self.to_input(levels)
        logits = (
            self.network(x, condition) if terms is None else self.network(x, condition, terms=terms)
        )
        return self.split_logits(logits)

    def read_given(
        self, levels: Tensor, given: Tensor, freehand: bool | Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Let the conditioner read what is given.

        Args:
            levels: (B, C, H, W) integers 0..K-1; those that are not given are ignored.
            given: (B, 1, H, W) bool.
            freehand: of all, or of each, (B,) bool.

        Returns:
            features for `Conditioner.terms`, and logits of q(class | given), see `Conditioner`.
        """
        assert self.conditioner is not None
        style = torch.as_tensor(freehand, device=self.device).expand(len(levels))
        return self.conditioner(self.to_input(levels), given.permute(0, 2, 3, 1), style)

    def to_input(self, levels: Tensor) -> Tensor:
        """From levels to what the network reads. Shape (B, C, H, W) -> (B, H, W, C)."""
        return to_input(levels, self.config.levels, self.dtype).permute(0, 2, 3, 1)

    def condition(self, label: Tensor | None, freehand: bool | Tensor, batch: int) -> Tensor | None:
        """What the network is told: label + classes * freehand, (B,); None where it is told nothing.

        Args:
            label: (B,) from `expand_label`, or None.
            freehand: of all, or of each, (B,) bool.
            batch: B.

        Raises:
            ValueError: if freehand is asked of a model that knows one hand, or is neither True nor False.
        """
        if not self.config.freehand:
            if freehand is not False:
                raise ValueError("This model knows MNIST's hand only: freehand must be False.")
            return label
        each = isinstance(freehand, Tensor) and freehand.dtype == torch.bool
        if not (each or isinstance(freehand, bool)):
            raise ValueError(f"freehand must be True or False, got {short(freehand)}.")
        hand = torch.as_tensor(freehand, device=self.device).long().expand(batch)
        return hand if label is None else label + self.num_classes * hand

    def every_condition(self, freehand: bool | Tensor, batch: int = 1) -> Tensor | None:
        """All classes, for each image of a batch: (B * classes,); None where there are none.

        Args:
            freehand: the hand of all, or of each, (B,) bool.
            batch: B.
        """
        if not self.num_classes:
            return self.condition(None, freehand, batch)
        labels = torch.arange(self.num_classes, device=self.device).repeat(batch)
        if isinstance(freehand, Tensor):
            freehand = freehand.repeat_interleave(self.num_classes)
        return self.condition(labels, freehand, len(labels))

    def split_logits(self, logits: Tensor) -> Tensor:
        """From the network's order to the likelihood's. Shape (B, H, W, C*P) -> (B, C, H, W, P)."""
        return logits.unflatten(-1, (self.config.in_channels, -1)).permute(0, 3, 1, 2, 4)

    def log_prob(
        self,
        levels: Tensor,
        label: Label = None,
        *,
        freehand: bool = False,
        given: Tensor | None = None,
    ) -> Tensor:
        """Log-probability of every sub-pixel in nats; their sum over C, H, W is the image's.

        Without a label, a model with classes gives the mixture's own conditionals by the chain rule, with
        channels innermost: log p(x_1..i) - log p(x_1..i-1), each the mean over the classes.

        With `given` it is that of the missing pixels, and 0 for those given: exact, log p(missing | given),
        where the first rows are given, whole; elsewhere log q(missing | given), see `conditioner.py`, in
        which the head's q(class | given) takes the place of equally likely classes.

        Args:
            levels: (B, C, H, W) integers 0..K-1; the first rows alone will do, unless a mask is given.
            label: int or (B,) or None.
            freehand: which of the two hands, where the model knows two.
            given: bool, (B, 1, H, W) or a shape that broadcasts to it: the pixels that are given.

        Returns:
            (B, C, H, W), float32 at least.

        Raises:
            ValueError: if shape, levels, label, freehand or given are not what the config allows.
        """
        if given is not None:
            return self._missing_log_prob(levels, label, freehand, given)
        if label is None and self.num_classes:
            return self._mixture_log_prob(self.class_log_prob(levels, freehand=freehand))
        return self.likelihood.log_prob(self(levels, label, freehand=freehand), levels)

    def _missing_log_prob(
        self, levels: Tensor, label: Label, freehand: bool, given: Tensor
    ) -> Tensor:
        """`log_prob` of missing pixels."""
        self.check_levels(levels)
        given = check_given(given, levels)
        exact = are_first_rows(given)
        if exact.all():
            return self.log_prob(levels, label, freehand=freehand).masked_fill(given, 0)
        self.check_conditioner(levels)
        if label is not None or not self.num_classes:
            label = self.expand_label(label, len(levels))
        if exact.any():  # of some images, whose mixture takes no head
            halves = [
                self._missing_log_prob(
                    levels[some], None if label is None else label[some], freehand, given[some]
                )
                for some in (exact, ~exact)
            ]
            places = torch.cat([some.nonzero()[:, 0] for some in (exact, ~exact)])
            return torch.cat(halves)[places.argsort()]
        if label is None and self.num_classes:
            pairs = zip(
                levels.split(CHUNK // self.num_classes),
                given.split(CHUNK // self.num_classes),
                strict=True,
            )
            return torch.cat([self._missing_mixture(*pair, freehand) for pair in pairs])
        condition = self.condition(label, freehand, len(levels))
        features, _ = self.read_given(levels, given, freehand)
        logits = self.given_logits(levels, given, condition, features)
        return self.likelihood.log_prob(logits, levels).masked_fill(given, 0)

    def _missing_mixture(self, levels: Tensor, given: Tensor, freehand: bool) -> Tensor:
        """Log q(missing | given), the mixture over classes, as conditionals."""
        features, class_logits = self.read_given(levels, given, freehand)
        assert class_logits is not None
        condition = self.every_condition(freehand, len(levels))
        logits = self.given_logits(levels, given, condition, features)
        each = self.likelihood.log_prob(logits, levels.repeat_interleave(self.num_classes, 0))
        each = each.unflatten(0, (len(levels), self.num_classes)).masked_fill(given[:, None], 0)
        return self._mixture_log_prob(each, class_logits.double().log_softmax(-1)).masked_fill(
            given, 0
        )

    def given_logits(
        self, levels: Tensor, given: Tensor, condition: Tensor | None, features: Tensor
    ) -> Tensor:
        """Logits of every sub-pixel given all earlier pixels, the condition, and the given pixels.

        Args:
            levels: (B, C, H, W) integers 0..K-1.
            given: (B, 1, H, W) bool.
            condition: (B * k,), k of each image in a row, or None.
            features: of the conditioner, (B, H, W, TERM_DIM), from `read_given`.

        Returns:
            (B * k, C, H, W, parameters of the likelihood): with the conditioner's terms in the rows that
            these reach, see `rows_reached`, and without them below.
        """
        assert self.conditioner is not None
        height, reached = levels.shape[2], rows_reached(given)
        rows = torch.arange(height, device=given.device)
        terms = self.conditioner.terms(features)
        steered = self.conditional_logits(levels, condition, terms)
        if bool((reached == height).all()):
            return steered
        below = (rows >= reached[:, None]).repeat_interleave(len(steered) // len(levels), 0)
        plain = self.conditional_logits(levels, condition)
        return torch.where(below[:, None, :, None, None], plain, steered)

    def check_conditioner(self, levels: Tensor) -> None:
        """Raise a ValueError, unless any part of these images may be given."""
        if self.conditioner is None:
            raise ValueError(
                "This model has no conditioner, so only its first rows may be given: weights/binary and"
                " weights/gray have one, and train.py --preset any-part adds one to a gated model."
            )
        if levels.shape[2] != self.config.height:
            raise ValueError(
                f"levels must have {self.config.height} rows with a mask, got {levels.shape[2]}."
            )

    def class_log_prob(self, levels: Tensor, *, freehand: bool | Tensor = False) -> Tensor:
        """Log-probability of every sub-pixel given each class in turn.

        Args:
            levels: (B, C, H, W) integers 0..K-1; the first rows alone will do.
            freehand: the hand of all, or of each, (B,) bool, where the model knows two.

        Returns:
            (B, classes, C, H, W) in nats.
        """
        self.check_levels(levels)
        if not self.num_classes:
            raise ValueError("This model has no classes: ask log_prob.")
        size = max(1, CHUNK // self.num_classes)
        parts = levels.split(size)
        hands = freehand.split(size) if isinstance(freehand, Tensor) else [freehand] * len(parts)
        conditions = [
            self.every_condition(hand, len(part)) for hand, part in zip(hands, parts, strict=True)
        ]
        pairs = zip(parts, conditions, strict=True)
        logits = torch.cat([self.conditional_logits(*pair) for pair in pairs])
        log_prob = self.likelihood.log_prob(logits, levels.repeat_interleave(self.num_classes, 0))
        return log_prob.unflatten(0, (len(levels), self.num_classes))

    def _mixture_log_prob(self, given_class: Tensor, log_prior: Tensor | None = None) -> Tensor:
        """The mixture's conditionals. Shape (B, classes, C, H, W) -> (B, C, H, W).

        Args:
            given_class: the log-probability of every sub-pixel given each class.
            log_prior: of the classes, (B, classes); None: they are equally likely.
        """
        # In float64: the difference of two sums over many pixels would lose digits.
        raster = given_class.permute(0, 1, 3, 4, 2).double()  # (B, classes, H, W, C)
        joint = raster.flatten(2).cumsum(-1)
        if log_prior is None:
            joint = joint.logsumexp(1) - math.log(self.num_classes)
        else:
            joint = (joint + log_prior[..., None]).logsumexp(1)
        conditional = joint.diff(dim=-1, prepend=torch.zeros_like(joint[:, :1]))
        return conditional.unflatten(-1, raster.shape[2:]).permute(0, 3, 1, 2).to(given_class.dtype)

    def check_levels(self, levels: Tensor) -> None:
        """Raise a ValueError that says what is allowed, unless `levels` is that."""
        c = self.config
        if not isinstance(levels, Tensor):
            raise ValueError(f"levels must be a tensor of integers, got {type(levels).__name__}.")
        shape = tuple(levels.shape)
        if (
            len(shape) != 4
            or shape[1] != c.in_channels
            or shape[3] != c.width
            or not 1 <= shape[2] <= c.height
        ):
            allowed = f"(B, {c.in_channels}, {c.height}, {c.width})"
            raise ValueError(f"levels must have shape {allowed}, got {shape}.")
        if levels.dtype not in INTEGERS:
            plain = levels.is_floating_point() or levels.dtype == torch.bool
            wanted = "" if plain else ": convert them by .long()"
            raise ValueError(f"levels must be integers, got {levels.dtype}{wanted}.")
        if levels.numel() and not torch.compiler.is_compiling():
            low, high = int(levels.min()), int(levels.max())
            if low < 0 or high >= c.levels:
                raise ValueError(f"levels must be 0 to {c.levels - 1}, got {low} to {high}.")

    def expand_label(self, label: Label, batch: int) -> Tensor | None:
        """The label as (B,) on the model's device, or None for a model without classes.

        Raises:
            ValueError: if the model has no classes and a label is given, or the other way round, or the
                label is out of range or of another shape.
        """
        if not self.num_classes:
            if label is not None:
                raise ValueError("This model has no classes: label must be None.")
            return None
        if label is None:
            raise ValueError(f"This model needs a label, 0 to {self.num_classes - 1}.")
        try:
            label = torch.as_tensor(label, device=self.device)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"label must be an integer, got {short(label)}.") from error
        if label.is_floating_point() or label.dtype == torch.bool:
            raise ValueError(f"label must be an integer, got {label.dtype}.")
        label = label.long()
        if label.ndim > 1 or (label.ndim == 1 and len(label) != batch):
            raise ValueError(f"label must be one integer or ({batch},), got {tuple(label.shape)}.")
        if label.numel() and not torch.compiler.is_compiling():
            low, high = int(label.min()), int(label.max())
            if low < 0 or high >= self.num_classes:
                wrong = low if low < 0 else high
                raise ValueError(f"label must be 0 to {self.num_classes - 1}, got {wrong}.")
        return label.expand(batch)
