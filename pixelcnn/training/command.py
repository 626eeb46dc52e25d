"""Fit a PixelCNN, and push it: what `train.py` and `pixelcnn-train` run."""

import argparse
import shlex
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from types import FrameType

import torch

from pixelcnn.data.datasets import load_images
from pixelcnn.data.own import OwnImages, read_own
from pixelcnn.devices import set_threads
from pixelcnn.distributed import LostError, World, join
from pixelcnn.files import alone_in
from pixelcnn.refusals import one_sentence
from pixelcnn.store.folder import BEST, CURVES, LAST, grids, load_folder, locate
from pixelcnn.store.names import find
from pixelcnn.training.checkpoint import pack, unpack
from pixelcnn.training.flags import configs, fit_to, parse_args
from pixelcnn.training.loop import Hooks, train
from pixelcnn.training.run import DivergedError, Run, restore, start
from pixelcnn.training.run_folder import RunFolder


def stop_on_signal() -> list[int]:
    """Note the first signal to stop for the end of the step; a second Ctrl-C interrupts at once."""
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        noted.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, note)
    signal.signal(signal.SIGTERM, note)
    # A terminal that closes sends SIGHUP, which `nohup` ignores, and Windows lacks.
    hangup = getattr(signal, "SIGHUP", None)
    if hangup and signal.getsignal(hangup) is not signal.SIG_IGN:
        signal.signal(hangup, note)
    return noted


def fit(args: argparse.Namespace, world: World) -> bool:
    """Train as the flags say; whether the run is complete."""
    set_threads(args.threads)
    noted = stop_on_signal()
    device = world.pick_device(args.device)
    own = read_own(args.data) if args.data else None
    folder, run = begin_or_resume(args, own, device, world)
    channels, wanted = run.model.config.in_channels, own.shape[0] if own else 1
    if channels != wanted:
        have = "1 channel" if wanted == 1 else f"{wanted} channels"
        raise ValueError(
            f"{run.config.dataset} has {have}: in_channels must be {wanted}, got {channels}."
        )
    if own:
        own.check_fit(run.model.config)
        images, validation = own.split("train", device), own.split("validation", device)
    else:
        with world.in_turn():
            images = load_images(run.config.dataset, args.data_dir, "train", device)
            validation = load_images(run.config.dataset, args.data_dir, "validation", device)
    if world.first:
        folder.make()
    with alone_in(folder.path) if world.first else nullcontext():
        if world.first:
            describe(run, folder.path, device, world)
            if not args.resume:
                folder.save(run)  # what cannot be written wastes no work; what is killed can go on
        with world.in_turn():
            digits = folder.digits(run)
        hooks = Hooks(
            after_epoch=folder.after_epoch,
            checkpoint=folder.save,
            checkpoint_steps=args.checkpoint_steps,
            should_stop=lambda step: bool(noted),
        )
        try:
            complete = train(run, images, validation, hooks, world, digits)
        except DivergedError as error:
            if not world.first:
                sys.exit(1)  # all know, and one says it
            best = f"The best weights, of epoch {run.best_epoch}, are in {folder.path / BEST}."
            raise RuntimeError(f"{error} {best}" if run.best_epoch else str(error)) from error
        except (OSError, LostError) as error:
            whole = f"The last checkpoint is whole. To go on: {resuming(args, world)}"
            raise RuntimeError(f"{error} {whole}") from error
    if complete and args.show and world.first:
        from PIL import Image  # of the extra `train`, as is all that draws

        for path in (folder.path / CURVES, *grids(folder.path).values()):
            Image.open(path).show()
    return complete


def begin_or_resume(
    args: argparse.Namespace, own: OwnImages | None, device: torch.device, world: World
) -> tuple[RunFolder, Run]:
    """The run that the flags ask for; of several processes the first reads it, and tells the others."""
    if args.checkpoint_steps < 1:
        raise ValueError(f"--checkpoint-steps must be at least 1, got {args.checkpoint_steps}.")
    if world.first:
        folder, run = resume(args, device) if args.resume else begin(args, own, device)
        if world.size > 1:
            world.from_first(pack(run.state()))
        return folder, run
    state = unpack(world.from_first(b""), device)
    return RunFolder(args.resume or args.out), restore(state, device)


def begin(
    args: argparse.Namespace, own: OwnImages | None, device: torch.device
) -> tuple[RunFolder, Run]:
    """A new run, in a folder that holds none yet."""
    model_config, train_config = configs(args)
    if own:
        model_config = fit_to(own, model_config, args)
    init = find(args.init) if args.init else None
    folder = RunFolder.new(args.out, init)
    weights = load_folder(init, device) if init else None
    return folder, start(model_config, train_config, device, init=weights)


def resume(args: argparse.Namespace, device: torch.device) -> tuple[RunFolder, Run]:
    """The run in a folder, as it was saved."""
    folder, run = RunFolder.resume(args.resume, device)
    check_same(args, run)
    return folder, run


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


def describe(run: Run, folder: Path, device: torch.device, world: World) -> None:
    """Print the resolved configs."""
    parameters = sum(p.numel() for p in run.model.parameters())
    print(f"model  {run.model.config}")
    print(f"run    {run.config}")
    print(
        f"{parameters:,} parameters on {device} in {run.config.precision}"
        + (f", {world.size} processes" if world.size > 1 else "")
        + f"; files go to {folder}",
        flush=True,
    )


def check_push(args: argparse.Namespace) -> None:
    """Before hours of training, refuse what could not be pushed after them.

    Raises:
        ValueError, OSError: in one sentence.
    """
    if args.push_to_hub:
        from pixelcnn.store.hub import check_access  # of the extra `hub`

        check_access(args.push_to_hub)
    elif args.push_only or args.private or args.revision:
        raise ValueError("--push-only, --private and --revision need --push-to-hub ns/name.")
    if args.push_only:
        locate(args.push_only)


def command() -> str:
    """The command as it was typed: of a checkout or of an installed package."""
    name = Path(sys.argv[0]).name
    return name if name == "pixelcnn-train" else "python train.py"


def resuming(args: argparse.Namespace, world: World) -> str:
    """The command that goes on with the run, as one types it."""
    started = (
        f"torchrun --nproc-per-node={world.size} {sys.argv[0]}" if world.size > 1 else command()
    )
    folder = shlex.quote(str(args.resume or args.out))
    flag, path = ("--data", args.data) if args.data else ("--data-dir", args.data_dir)
    return f"{started} --resume {folder} {flag} {shlex.quote(str(path))}{push_flags(args)}"


def push_flags(args: argparse.Namespace) -> str:
    """The flags that push to the same place, as one types them; empty if nothing is pushed."""
    if not args.push_to_hub:
        return ""
    flags = ["--push-to-hub", args.push_to_hub, *(["--private"] if args.private else [])]
    return " " + shlex.join([*flags, *(["--revision", args.revision] if args.revision else [])])


def push_folder(args: argparse.Namespace, folder: Path) -> None:
    """Push; what fails says the command that pushes again."""
    from pixelcnn.store.push import push  # of the extra `hub`

    try:
        url = push(folder, args.push_to_hub, private=args.private, revision=args.revision)
    except (ValueError, OSError) as error:
        again = f"{command()} --push-only {shlex.quote(str(folder))}{push_flags(args)}"
        sys.exit(f"{error} Nothing is lost; to push again: {again}")
    print(f"Pushed: {url}")


def main(argv: list[str] | None = None) -> None:
    """Train, and push; a stopped run ends with exit status 130 and the command that goes on with it.

    Processes that `torchrun` starts share the training; the first of them does the rest.
    """
    args = parse_args(argv)
    folder = args.push_only or args.resume or args.out
    with one_sentence(), join() as world:
        if world.first:
            check_push(args)
        complete = bool(args.push_only) or fit(args, world)
    if not complete:
        if world.first:
            print(f"Stopped, and saved. To go on: {resuming(args, world)}")
        sys.exit(130)
    if not world.first:
        return
    if not args.push_only:
        print(f"Weights: {folder / BEST} (best on the validation images), {folder / LAST}")
    if args.push_to_hub:
        push_folder(args, folder)
