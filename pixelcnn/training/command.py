"""Fit a PixelCNN, and push it: what `train.py` and `pixelcnn-train` run.

Flags are accepted with dashes and with underscores. A preset sets defaults; flags beside it win.
"""

import argparse
import dataclasses
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, get_args

import torch
from PIL import Image

from pixelcnn.config import (
    RESIDUAL_DILATIONS,
    Architecture,
    Binarization,
    Dataset,
    Likelihood,
    ModelConfig,
    Optimizer,
    Precision,
    Schedule,
    TrainConfig,
)
from pixelcnn.data.datasets import check_binarization, default_binarization, load_images
from pixelcnn.devices import pick_device
from pixelcnn.store.folder import BEST, CURVES, LAST, grids, locate
from pixelcnn.store.hub import check_access, fetch, load
from pixelcnn.store.push import push
from pixelcnn.training.loop import DivergedError, Run, start, train
from pixelcnn.training.presets import PRESETS
from pixelcnn.training.run_folder import RunFolder


def make_parser() -> argparse.ArgumentParser:
    """Declare the flags; their defaults are those of the configs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    model = {field.name: field.default for field in dataclasses.fields(ModelConfig)}
    run = {field.name: field.default for field in dataclasses.fields(TrainConfig)}

    def add(flag: str, default: Any, text: str, **options: Any) -> None:
        if "action" not in options:
            options.setdefault("type", str if default is None else type(default))
        name = f"--{flag}"
        spellings = dict.fromkeys((name, name.replace("_", "-")))
        parser.add_argument(*spellings, dest=flag, default=default, help=text, **options)

    add("preset", None, "settings of a named run", choices=tuple(PRESETS))
    add("architecture", model["architecture"], "network", choices=get_args(Architecture))
    add("likelihood", None, "default: bernoulli for 2 levels", choices=get_args(Likelihood))
    add("levels", model["levels"], "K, 2 to 256")
    add("in_channels", model["in_channels"], "channels of an image")
    add("inner_dim", model["inner_dim"], "features: vertical stack (gated), bottleneck (residual)")
    add("dilations", None, "one block each, as 1,2,4,8; default: the architecture's", type=_ints)
    add("horizontal_dim", model["horizontal_dim"], "gated: features of the horizontal stack")
    add(
        "horizontal_dilations",
        model["horizontal_dilations"],
        "gated: one horizontal block each",
        type=_ints,
    )
    add("class_from", model["class_from"], "gated: first vertical block that is told the class")
    add("dropout", model["dropout"], "on what each block adds")
    add(
        "class_conditional",
        False,
        "learn p(image | class)",
        action=argparse.BooleanOptionalAction,
    )
    add("dataset", run["dataset"], "by torchvision", choices=get_args(Dataset))
    add("data_dir", Path("data"), "torchvision's root folder")
    add(
        "binarization",
        None,
        "default: threshold for 2 levels, else none",
        choices=get_args(Binarization),
    )
    add("shift", run["shift"], "move training images by up to so many pixels")
    add("freehand", run["freehand"], "share of each batch drawn free-hand, at any place and size")
    add("epochs", run["epochs"], "passes over the training images")
    add("batch_size", run["batch_size"], "images in a step")
    add("optimizer", run["optimizer"], "muon: for the matrices inside", choices=get_args(Optimizer))
    add("lr", run["lr"], "learning rate of Adam")
    add("muon_lr", run["muon_lr"], "learning rate of Muon")
    add("schedule", run["schedule"], "of the learning rate", choices=get_args(Schedule))
    add("gamma", run["gamma"], "exponential schedule: factor per epoch")
    add("warmup_steps", run["warmup_steps"], "of linear warm-up")
    add("weight_decay", run["weight_decay"], "decoupled; 0 is plain Adam")
    add("beta2", run["beta2"], "Adam's second moment")
    add("grad_clip", run["grad_clip"], "largest norm of the gradient; 0: no clipping")
    add("ema", run["ema"], "decay of averaged weights per step; 0: no averaging")
    add("precision", run["precision"], "of products", choices=get_args(Precision))
    add("seed", run["seed"], "of weights, order and draws")
    add("sample_epochs", (), "epochs to draw samples after, as 20,30; the last always", type=_ints)
    add("device", None, "cpu, cuda, ...; default: a GPU if there is one")
    add("out", Path("runs/latest"), "folder for weights, logs and images")
    add("init", None, "begin with the weights in this folder, or of this Hub id, not random ones")
    add("resume", None, "go on with the run in this folder, as it began", type=Path)
    add("show", False, "open the images in a viewer", action="store_true")
    add("push_to_hub", None, "push the best weights to this repository, ns/name, after training")
    add("push_only", None, "train nothing: push this folder, of weights or a run", type=Path)
    add("private", False, "make the repository, if it is new, a private one", action="store_true")
    add("revision", None, "branch of the repository to push to; default: main")
    return parser


def _ints(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


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
    return flags


def configs(args: argparse.Namespace) -> tuple[ModelConfig, TrainConfig]:
    """The two configs that the flags describe.

    Raises:
        ValueError: in one sentence, if the flags do not fit each other.
    """
    binarization: Binarization = args.binarization or default_binarization(args.levels)
    check_binarization(args.levels, binarization)
    dilations = RESIDUAL_DILATIONS if args.architecture == "residual" else ModelConfig.dilations
    model = ModelConfig(
        architecture=args.architecture,
        likelihood=args.likelihood or ("bernoulli" if args.levels == 2 else "categorical"),
        levels=args.levels,
        in_channels=args.in_channels,
        num_classes=10 if args.class_conditional else 0,
        freehand=args.freehand > 0,
        inner_dim=args.inner_dim,
        dilations=args.dilations or dilations,
        horizontal_dim=args.horizontal_dim,
        horizontal_dilations=args.horizontal_dilations,
        class_from=args.class_from,
        dropout=args.dropout,
    )
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    values = {name: value for name, value in vars(args).items() if name in names}
    return model, TrainConfig(**values | {"binarization": binarization})


def stop_on_signal() -> list[int]:
    """Note the first Ctrl-C or SIGTERM for the end of the step; a second Ctrl-C interrupts at once."""
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        noted.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, note)
    signal.signal(signal.SIGTERM, note)
    return noted


def fit(args: argparse.Namespace) -> bool:
    """Train as the flags say; whether the run is complete."""
    noted = stop_on_signal()
    device = pick_device(args.device)
    if args.resume:
        folder, run = RunFolder.resume(args.resume, device)
        check_same(args, run)
    else:
        model_config, train_config = configs(args)
        init = fetch(args.init) if args.init else None
        folder = RunFolder.new(args.out, init)
        run = start(
            model_config, train_config, device, init=load(locate(init)[0], device) if init else None
        )
    channels = run.model.config.in_channels
    if channels != 1:
        raise ValueError(
            f"{run.config.dataset} has 1 channel: in_channels must be 1, got {channels}."
        )
    images = load_images(run.config.dataset, args.data_dir, "train", device)
    validation = load_images(run.config.dataset, args.data_dir, "validation", device)
    describe(run, folder.path, device)
    try:
        complete = train(
            run,
            images,
            validation,
            after_epoch=folder.after_epoch,
            checkpoint=folder.save,
            should_stop=lambda step: bool(noted),
        )
    except DivergedError as error:
        best = f"The best weights, of epoch {run.best_epoch}, are in {folder.path / BEST}."
        raise RuntimeError(f"{error} {best}" if run.best_epoch else str(error)) from error
    if complete and args.show:
        for path in (folder.path / CURVES, *grids(folder.path).values()):
            Image.open(path).show()
    return complete


def check_same(args: argparse.Namespace, run: Run) -> None:
    """Refuse flags that a resumed run would not heed.

    Raises:
        ValueError: in one sentence that names the first of them.
    """
    known = run.config.to_dict() | run.model.config.to_dict()
    known["class_conditional"] = bool(run.model.num_classes)
    for name in sorted(known.keys() & args.given):
        value = getattr(args, name)
        asked = list(value) if isinstance(value, tuple) else value
        if asked != known[name] and (name, asked) != ("precision", "auto"):
            raise ValueError(
                f"--resume goes on with {name} {known[name]}, as the run began, not with {asked}:"
                " leave the flag out, or begin a new run with --init."
            )


def describe(run: Run, folder: Path, device: torch.device) -> None:
    """Print the resolved configs."""
    parameters = sum(p.numel() for p in run.model.parameters())
    print(f"model  {run.model.config}")
    print(f"run    {run.config}")
    print(
        f"{parameters:,} parameters on {device} in {run.config.precision}; files go to {folder}",
        flush=True,
    )


def check_push(args: argparse.Namespace) -> None:
    """Before hours of training, refuse what could not be pushed after them.

    Raises:
        ValueError, OSError: in one sentence.
    """
    if args.push_to_hub:
        check_access(args.push_to_hub)
    elif args.push_only or args.private or args.revision:
        raise ValueError("--push-only, --private and --revision need --push-to-hub ns/name.")
    if args.push_only:
        locate(args.push_only)


def command() -> str:
    """The command as it was typed: of a checkout or of an installed package."""
    name = Path(sys.argv[0]).name
    return name if name == "pixelcnn-train" else "python train.py"


def push_flags(args: argparse.Namespace) -> str:
    """The flags that push to the same place, as one types them; empty if nothing is pushed."""
    if not args.push_to_hub:
        return ""
    flags = ["--push-to-hub", args.push_to_hub, *(["--private"] if args.private else [])]
    return " " + shlex.join([*flags, *(["--revision", args.revision] if args.revision else [])])


def push_folder(args: argparse.Namespace, folder: Path) -> None:
    """Push; what fails says the command that pushes again."""
    try:
        url = push(folder, args.push_to_hub, private=args.private, revision=args.revision)
    except (ValueError, OSError) as error:
        again = f"{command()} --push-only {shlex.quote(str(folder))}{push_flags(args)}"
        sys.exit(f"{error} Nothing is lost; to push again: {again}")
    print(f"Pushed: {url}")


def main(argv: list[str] | None = None) -> None:
    """Train, and push; a stopped run ends with exit status 130 and the command that goes on with it."""
    args = parse_args(argv)
    folder = args.push_only or args.resume or args.out
    try:
        check_push(args)
        complete = bool(args.push_only) or fit(args)
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(str(error))
    if not complete:
        print(f"Stopped, and saved. To go on: {command()} --resume {folder}", end="")
        print(f" --data-dir {args.data_dir}{push_flags(args)}")
        sys.exit(130)
    if not args.push_only:
        print(f"Weights: {folder / BEST} (best on the validation images), {folder / LAST}")
    if args.push_to_hub:
        push_folder(args, folder)
