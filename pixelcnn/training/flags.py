"""The flags of `train.py`, and the two configs that they describe.

Flags are accepted with dashes and with underscores. A preset sets defaults; flags beside it win.
"""

import argparse
import dataclasses
import typing
from pathlib import Path
from typing import Any

from pixelcnn.config import RESIDUAL_DILATIONS, Binarization, Dataset, ModelConfig, TrainConfig
from pixelcnn.data.datasets import check_binarization, default_binarization
from pixelcnn.data.own import OWN_DATA, OwnImages, own_name
from pixelcnn.devices import THREADS_HELP
from pixelcnn.training.presets import PRESETS

MODEL_FIELDS = {
    "architecture": "network",
    "likelihood": "default: bernoulli for 2 levels",
    "levels": "K, 2 to 256",
    "in_channels": "channels of an image",
    "inner_dim": "features: vertical stack (gated), bottleneck (residual)",
    "dilations": "one block each, as 1,2,4,8; default: the architecture's",
    "horizontal_dim": "gated: features of the horizontal stack",
    "horizontal_dilations": "gated: one horizontal block each",
    "class_from": "gated: first vertical block that is told the class",
    "dropout": "on what each block adds",
    "conditioner_dim": "gated: features of the conditioner; 0: none",
    "conditioner_dilations": "one block each",
}
DATA_FIELDS = {
    "binarization": "default: threshold for 2 levels, else none",
    "shift": "move training images by up to so many pixels",
    "freehand": "share of each batch drawn free-hand, at any place and size",
}
TRAINING_FIELDS = {
    "epochs": "passes over the training images",
    "batch_size": "images in a step",
    "optimizer": "muon: for the matrices inside",
    "lr": "learning rate of Adam",
    "muon_lr": "learning rate of Muon",
    "schedule": "of the learning rate",
    "gamma": "exponential schedule: factor per epoch",
    "warmup_steps": "of linear warm-up",
    "weight_decay": "decoupled; 0 is plain Adam",
    "beta2": "Adam's second moment",
    "grad_clip": "largest norm of the gradient; 0: no clipping",
    "ema": "decay of averaged weights per step; 0: no averaging",
    "posterior": "weight of -log p(class | first rows) in the loss; for a model with classes",
    "objective": "any-part: train the conditioner alone, on parts of digits",
    "model_digits": "any-part: digits drawn from the model, for half of each batch",
    "precision": "of products",
    "seed": "of weights, order and draws",
    "sample_epochs": "epochs to draw samples after, as 20,30; the last always",
}
# What these are by default follows from other flags.
DERIVED = ("likelihood", "dilations", "binarization")


class _Group:
    """Flags under one heading of `--help`."""

    def __init__(self, parser: argparse.ArgumentParser, title: str) -> None:
        self._group = parser.add_argument_group(title)

    def add(self, name: str, default: Any, text: str, **options: Any) -> None:
        """Declare one flag; a value has the type of its default."""
        if "action" not in options:
            options.setdefault("type", str if default is None else type(default))
        spellings = dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}"))
        self._group.add_argument(*spellings, dest=name, default=default, help=text, **options)

    def add_fields(self, config: type, fields: dict[str, str]) -> None:
        """Declare a flag for each of these fields of a config, which decides its default and choices."""
        hints = typing.get_type_hints(config)
        for name, text in fields.items():
            options: dict[str, Any] = {}
            if typing.get_origin(hints[name]) is typing.Literal:
                options["choices"] = typing.get_args(hints[name])
                options["type"] = str
            elif typing.get_origin(hints[name]) is tuple:
                options["type"] = _ints
            self.add(name, None if name in DERIVED else getattr(config, name), text, **options)


def _ints(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


def make_parser() -> argparse.ArgumentParser:
    """Declare the flags; their defaults are those of the configs."""
    parser = argparse.ArgumentParser(
        description="Fit a PixelCNN, and push it. A preset sets defaults; flags beside it win.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _Group(parser, "preset").add(
        "preset", None, "settings of a named run", choices=tuple(PRESETS), type=str
    )
    model = _Group(parser, "model")
    model.add_fields(ModelConfig, MODEL_FIELDS)
    switch = argparse.BooleanOptionalAction
    model.add("class_conditional", False, "learn p(image | class)", action=switch)
    data = _Group(parser, "data")
    data.add("data_dir", Path("data"), "torchvision's root folder")
    data.add("dataset", TrainConfig.dataset, "by torchvision", choices=typing.get_args(Dataset))
    data.add("data", None, OWN_DATA, type=Path)
    data.add_fields(TrainConfig, DATA_FIELDS)
    _Group(parser, "training").add_fields(TrainConfig, TRAINING_FIELDS)
    _add_run(_Group(parser, "run"))
    _add_hub(_Group(parser, "Hugging Face Hub"))
    return parser


def _add_run(group: _Group) -> None:
    group.add("device", None, "cpu, cuda, ...; default: a GPU if there is one")
    group.add("threads", None, THREADS_HELP, type=int)
    group.add("out", Path("runs/latest"), "folder for weights, logs and images")
    group.add(
        "init",
        None,
        "begin with the weights of this model: a name, a folder, or hf://NAMESPACE/NAME",
    )
    group.add("resume", None, "go on with the run in this folder, as it began", type=Path)
    group.add("checkpoint_steps", 500, "steps between checkpoints; one follows each epoch too")
    group.add("show", False, "open the images in a viewer", action="store_true")


def _add_hub(group: _Group) -> None:
    group.add("push_to_hub", None, "push the best weights to this repository, ns/name")
    group.add("push_only", None, "train nothing: push this folder, of weights or a run", type=Path)
    group.add("private", False, "make the repository, if new, a private one", action="store_true")
    group.add("revision", None, "branch of the repository to push to; default: main")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; a preset replaces defaults.

    Returns:
        the flags, and as `given` the names of those that were typed, or set by a preset.
    """
    parser = make_parser()
    flags = parser.parse_args(argv)
    preset = PRESETS.get(flags.preset, {})
    parser.set_defaults(**preset)
    flags = parser.parse_args(argv)
    untouched = object()  # a parser leaves what a namespace has already, unless the flag is typed
    typed = parser.parse_args(argv, argparse.Namespace(**dict.fromkeys(vars(flags), untouched)))
    given = {name for name, value in vars(typed).items() if value is not untouched}
    flags.given = given | preset.keys()
    if flags.data:
        if "dataset" in given:
            parser.error("give --dataset or --data")
        flags.dataset = own_name(flags.data)
        flags.given.add("dataset")
    return flags


def configs(args: argparse.Namespace) -> tuple[ModelConfig, TrainConfig]:
    """The two configs that the flags describe.

    Raises:
        ValueError: in one sentence, if the flags do not fit each other.
    """
    binarization: Binarization = args.binarization or default_binarization(args.levels)
    check_binarization(args.levels, binarization)
    residual = args.architecture == "residual"
    model = {name: getattr(args, name) for name in MODEL_FIELDS} | {
        "likelihood": args.likelihood or ("bernoulli" if args.levels == 2 else "categorical"),
        "dilations": args.dilations or (RESIDUAL_DILATIONS if residual else ModelConfig.dilations),
        "num_classes": 10 if args.class_conditional else 0,
        "freehand": args.freehand > 0,
    }
    names = (field.name for field in dataclasses.fields(TrainConfig))
    run = {name: getattr(args, name) for name in names} | {"binarization": binarization}
    if args.posterior > 0 and (not args.class_conditional or args.dropout):
        raise ValueError("--posterior needs a --class-conditional model without --dropout.")
    return ModelConfig(**model), TrainConfig(**run)


def fit_to(own: OwnImages, model: ModelConfig, args: argparse.Namespace) -> ModelConfig:
    """The model config for one's own images: their size, channels and classes.

    Raises:
        ValueError: in one sentence that says which flag to add, if the images lack what the flags ask for.
    """
    channels, height, width = own.shape
    if model.num_classes and not own.classes:
        raise ValueError(f"{args.data} has no labels: add --no-class-conditional.")
    if model.freehand and own.shape != (1, 28, 28):
        raise ValueError(
            f"--freehand draws images of 28x28 pixels and one channel, which those of {args.data} are not:"
            " add --freehand 0."
        )
    return dataclasses.replace(
        model,
        height=height,
        width=width,
        in_channels=model.in_channels if "in_channels" in args.given else channels,
        num_classes=len(own.classes) if model.num_classes else 0,
    )
