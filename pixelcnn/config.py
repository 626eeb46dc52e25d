"""Frozen configurations with a strict round trip to JSON.

The model's config travels with its weights; the run's config travels with its checkpoints.
"""

import dataclasses
import json
import math
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args

from pixelcnn.files import write_whole
from pixelcnn.foreign import read_json, short

Architecture = Literal["gated", "residual"]
Likelihood = Literal["bernoulli", "categorical"]
Dataset = Literal["MNIST", "FashionMNIST", "KMNIST", "EMNIST"]
Binarization = Literal["threshold", "stochastic", "none"]
Schedule = Literal["exponential", "cosine"]
Precision = Literal["auto", "bf16", "fp32"]
Optimizer = Literal["adam", "muon"]
Objective = Literal["likelihood", "any-part"]

# Every block sees d rows up and d columns to each side; 2 * (1 + 2 + 4 + 8) plus the first layer's 3
# reaches from the last row of a 28x28 image to its first.
DILATIONS = (1, 2, 4, 8, 1, 2, 4, 8)
HORIZONTAL_DILATIONS = (1, 2, 4, 8)
# On a grid of 2x2 patches: they reach from one side of a 28x28 image to the other.
CONDITIONER_DILATIONS = (1, 2, 4, 1, 2, 4, 1, 2)

# As in web/engine/tensors.js: larger numbers are those of damaged files.
MOST = {
    "in_channels": 16,
    "height": 256,
    "width": 256,
    "inner_dim": 1024,
    "horizontal_dim": 1024,
    "num_classes": 1000,
    "conditioner_dim": 1024,
}
MAY_BE_ZERO = ("num_classes", "conditioner_dim")
MOST_BLOCKS = 64
MOST_DILATION = 1024


class _Json:
    """Checked construction from, and conversion to, plain JSON objects."""

    LATER: ClassVar[
        tuple[str, ...]
    ] = ()  # fields that files of version 0.1 lack; their defaults hold

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from a JSON object; every field must be there, but those of later versions, and no other.

        Raises:
            ValueError: in one sentence, if a field is missing, unknown, or of the wrong type.
        """
        fields = {field.name: field.type for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        if not isinstance(values, dict):
            raise ValueError(f"{cls.__name__} must be a JSON object, got {type(values).__name__}.")
        if unknown := sorted(set(values) - set(fields)):
            raise ValueError(f"{cls.__name__} has no field {_listed(unknown)}.")
        if missing := sorted(set(fields) - set(values) - set(cls.LATER)):
            raise ValueError(f"{cls.__name__} lacks the field {', '.join(missing)}.")
        hints = typing.get_type_hints(cls)
        return cls(**{name: _checked(name, value, hints[name]) for name, value in values.items()})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON object; those of later versions only where they are not the default."""
        values = dataclasses.asdict(self)  # type: ignore[call-overload]
        default = {field.name: field.default for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {
            name: list(v) if isinstance(v, tuple) else v
            for name, v in values.items()
            if name not in self.LATER or v != default[name]
        }

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a JSON file.

        Raises:
            ValueError: in one sentence, if the file is not what `from_dict` allows.
        """
        return cls.from_dict(read_json(path))

    def save(self, path: Path) -> None:
        """Write a JSON file, whole."""
        write_whole(path, (json.dumps(self.to_dict(), indent=2) + "\n").encode())


def _checked(name: str, value: Any, hint: Any) -> Any:
    """Return `value` as the annotated type, without conversions that could hide a mistake."""
    origin = typing.get_origin(hint)
    if origin is tuple and isinstance(value, (list, tuple)):
        return tuple(_checked(name, item, get_args(hint)[0]) for item in value)
    if origin is types.UnionType and value is None and type(None) in get_args(hint):
        return None
    if origin is types.UnionType:
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
        return _checked(name, value, hint)
    if origin is Literal:
        if value in get_args(hint):
            return value
        raise ValueError(f"{name} must be one of {', '.join(get_args(hint))}, got {short(value)}.")
    if hint is float and type(value) is int:
        try:
            return float(value)
        except OverflowError as error:
            raise ValueError(f"{name} is too large a number: {short(value)}.") from error
    if origin is tuple or type(value) is not hint:
        kind = "list" if origin is tuple else hint.__name__
        raise ValueError(f"{name} must be a {kind}, got {short(value)}.")
    return value


def _listed(names: list[str]) -> str:
    """Names of others, as far as a sentence has room."""
    return ", ".join(name[:40] for name in names[:5])


def _check_fields(config: _Json) -> None:
    """Refuse a value that is not of its field's type, and make lists tuples: the constructor as JSON."""
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        value = _checked(field.name, getattr(config, field.name), hints[field.name])
        object.__setattr__(config, field.name, value)


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ValueError(sentence)


@dataclass(frozen=True, kw_only=True)
class ModelConfig(_Json):
    """What a `PixelCNN` is built from.

    Example:
        >>> config = ModelConfig(levels=4, likelihood="categorical")
        >>> ModelConfig.from_dict(config.to_dict()) == config
        True
    """

    architecture: Architecture = "gated"
    likelihood: Likelihood = "bernoulli"
    levels: int = 2  # K: a sub-pixel is an integer 0..K-1
    in_channels: int = 1  # independent of each other given all earlier pixels
    height: int = 28
    width: int = 28
    num_classes: int = 0  # 0: no class embedding
    freehand: bool = False  # knows two hands: MNIST's, and digits drawn at any place and size
    inner_dim: int = 64  # features of the vertical stack (gated), of the bottleneck (residual)
    dilations: tuple[int, ...] = DILATIONS  # one block each (gated: of the vertical stack)
    horizontal_dim: int = 32  # gated: features of the horizontal stack
    horizontal_dilations: tuple[int, ...] = HORIZONTAL_DILATIONS  # gated: one horizontal block each
    class_from: int = 0  # gated: the first vertical block that is told class and hand
    dropout: float = 0.0  # on the features that each block adds
    conditioner_dim: int = 0  # gated: features of the conditioner's blocks; 0: no conditioner
    conditioner_dilations: tuple[int, ...] = CONDITIONER_DILATIONS  # one block each

    LATER: ClassVar = ("conditioner_dim", "conditioner_dilations")

    def __post_init__(self) -> None:
        _check_fields(self)
        binary = self.likelihood == "bernoulli"
        _require(2 <= self.levels <= 256, f"levels must be 2 to 256, got {short(self.levels)}.")
        _require(
            not binary or self.levels == 2,
            f"the bernoulli likelihood has 2 levels, got {self.levels}: use categorical.",
        )
        for name, most in MOST.items():
            value, least = getattr(self, name), 0 if name in MAY_BE_ZERO else 1
            right = least <= value <= most
            _require(right, f"{name} must be {least} to {most}, got {short(value)}.")
        _require(0 <= self.dropout < 1, f"dropout must be in [0, 1), got {self.dropout}.")
        for name in ("dilations", "horizontal_dilations", "conditioner_dilations"):
            value = getattr(self, name)
            blocks = 1 <= len(value) <= MOST_BLOCKS
            _require(blocks, f"{name} must name 1 to {MOST_BLOCKS} blocks, got {len(value)}.")
            right = min(value) >= 1 and max(value) <= MOST_DILATION
            _require(right, f"{name} must be 1 to {MOST_DILATION}, got {short(value)}.")
        _require(
            0 <= self.class_from <= len(self.dilations),
            f"class_from must be 0 to {len(self.dilations)}, the blocks there are,"
            f" got {short(self.class_from)}.",
        )

    @property
    def num_conditions(self) -> int:
        """What a network may be told: each class in each hand; 0 where there is nothing to tell."""
        conditions = max(1, self.num_classes) * (2 if self.freehand else 1)
        return conditions if conditions > 1 else 0


# 7x7 A, nine blocks of 128 -> 64 -> 64 -> 128 features that reach every row: 0.49 M parameters.
RESIDUAL_DILATIONS = (1, 2, 4, 8, 1, 2, 4, 8, 1)


# Each batch draws with a seed of its own: that of the run times 10**12, and its place in the run.
# It has to fit 64 bits, of which a generator on the CPU reads 32.
MOST_SEED = 9_999_999


@dataclass(frozen=True, kw_only=True)
class TrainConfig(_Json):
    """What a training run is built from, beside the model's config."""

    dataset: str = "MNIST"  # by torchvision, see `Dataset`; or what its owner calls it
    binarization: Binarization = "threshold"  # none: greys at the model's K levels
    epochs: int = 50
    batch_size: int = 128
    optimizer: Optimizer = "adam"  # muon: for the matrices inside the network, Adam for the rest
    lr: float = 1e-3  # of Adam
    muon_lr: float = 0.02
    schedule: Schedule = "exponential"
    gamma: float = 0.99  # exponential: the factor of the learning rate after each epoch
    warmup_steps: int = 0  # linear, under either schedule
    weight_decay: float = 0.0  # decoupled (AdamW); 0 is plain Adam
    beta2: float = 0.999  # Adam's second moment
    grad_clip: float = 0.0  # largest norm of the gradient; 0: no clipping
    ema: float = 0.0  # decay of the averaged weights per step; 0: no averaging
    shift: int = 0  # training images moved by up to this many pixels each way
    freehand: float = 0.0  # share of each batch drawn free-hand
    posterior: float = 0.0  # weight of -log p(class | first rows) beside -log p(image)
    # any-part: the conditioner alone learns, on parts of digits; the network stays as it is.
    objective: Objective = "likelihood"
    model_digits: int = 0  # any-part: digits drawn from the model, for half of each batch; 0: none
    precision: Precision = "auto"  # auto: bf16 where the device has it in hardware
    seed: int = 0
    # Epochs that end with a grid of samples; the last one always does.
    sample_epochs: tuple[int, ...] = ()

    LATER: ClassVar = ("objective", "model_digits")

    def __post_init__(self) -> None:
        _check_fields(self)
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            _require(value >= 1, f"{name} must be at least 1, got {value}.")
        right = 0 <= self.seed <= MOST_SEED
        _require(right, f"seed must be 0 to {MOST_SEED}, got {short(self.seed)}.")
        for name in ("lr", "muon_lr"):
            value = getattr(self, name)
            _require(value > 0, f"{name} must be positive, got {value}.")
            _require(value < math.inf, f"{name} must be finite, got {value}.")
        _require(0 <= self.freehand <= 1, f"freehand must be in [0, 1], got {self.freehand}.")
        _require(0 < self.gamma <= 1, f"gamma must be in (0, 1], got {self.gamma}.")
        _require(0 <= self.ema < 1, f"ema must be in [0, 1), got {self.ema}.")
        _require(0 <= self.beta2 < 1, f"beta2 must be in [0, 1), got {self.beta2}.")
        for name in (
            "warmup_steps",
            "weight_decay",
            "grad_clip",
            "shift",
            "posterior",
            "model_digits",
        ):
            value = getattr(self, name)
            _require(0 <= value < math.inf, f"{name} must be 0 or more, got {value}.")
        _require(
            all(1 <= epoch <= self.epochs for epoch in self.sample_epochs),
            f"sample_epochs must lie between 1 and epochs ({self.epochs}), got {self.sample_epochs}.",
        )
