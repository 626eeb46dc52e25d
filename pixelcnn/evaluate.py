"""`python -m pixelcnn.evaluate FOLDER --data-dir DIR`: the likelihood of saved weights.

Prints a table and, as its last line, one JSON object. Processes that `torchrun` starts share the images.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any, cast, get_args

import torch

from pixelcnn.config import Binarization, Dataset
from pixelcnn.data.datasets import (
    check_binarization,
    default_binarization,
    evaluation_levels,
    load_images,
)
from pixelcnn.data.own import OWN_DATA, read_own
from pixelcnn.density.metrics import evaluate
from pixelcnn.density.model import CHUNK
from pixelcnn.devices import THREADS_HELP, autocast, set_threads
from pixelcnn.distributed import ALONE, World, join
from pixelcnn.files import write_whole
from pixelcnn.refusals import extra, one_sentence
from pixelcnn.store.folder import METRICS, load_folder, run_of, sha256
from pixelcnn.store.names import SOURCE, find, find_own
from pixelcnn.store.record import read_record

with extra("train"):
    from tqdm import tqdm


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    add("weights", help=SOURCE)
    add("--data-dir", type=Path, default=Path("data"), help="torchvision's root folder")
    add(
        "--dataset",
        choices=get_args(Dataset),
        help="default: what the weights were fitted to, or MNIST",
    )
    add("--data", type=Path, help=OWN_DATA)
    add(
        "--split",
        choices=("validation", "test", "all"),
        default="test",
        help="of your own images, a tenth each; or all",
    )
    add(
        "--binarization",
        choices=get_args(Binarization),
        help="threshold, stochastic (one draw, from a fixed seed), none; default: as in training, or"
        " threshold for 2 levels",
    )
    add("--limit", type=int, metavar="N", help="N images at even steps through the split")
    add("--batch-size", type=int, default=CHUNK)
    add("--precision", choices=("fp32", "bf16"), default="fp32")
    add("--device", help="cpu, cuda, ...; default: a GPU if there is one")
    add("--threads", type=int, metavar="N", help=THREADS_HELP)
    add("--write", action="store_true", help=f"write {METRICS} beside the weights, for their card")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Evaluate and print."""
    args = parse_args(argv)
    with one_sentence(), join() as world:
        result = run(args, world)
    if not world.first:
        return
    for name, value in result.items():
        shown = f"{value:.4f}" if isinstance(value, float) else value
        print(f"{name:28} {shown}")
    print(json.dumps(result))


def run(args: argparse.Namespace, world: World = ALONE) -> dict[str, Any]:
    """Evaluate, together with the other processes; the returned object is what the last line prints.

    Raises:
        ValueError, OSError, RuntimeError: in one sentence, if a flag, the weights or the data are not usable.
    """
    if args.batch_size < 1:
        raise ValueError(f"--batch-size must be at least 1, got {args.batch_size}.")
    set_threads(args.threads)
    device = world.pick_device(args.device)
    folder = find_own(args.weights) if args.write else find(args.weights)
    model = load_folder(folder, device)
    num_levels = model.config.levels
    own = read_own(args.data) if args.data else None
    asked = own.name if own else args.dataset
    dataset, binarization = what_to_measure(folder, num_levels, asked, args.binarization)
    if own:
        own.check_fit(model.config)
        images = own.split(args.split, device).every(args.limit)
    elif args.split == "all":
        raise ValueError("--split all is for your own images: give them by --data.")
    else:
        with world.in_turn():
            images = load_images(dataset, args.data_dir, args.split, device).every(args.limit)
    levels = evaluation_levels(images, num_levels, binarization, args.split)
    batches = torch.arange(len(images)).split(args.batch_size)
    batches = batches[world.share(len(batches))]
    with autocast(device, args.precision):
        bar = tqdm(batches, unit="batch", disable=None if world.first else True)
        labels = None if own and not own.classes else images.labels
        result = evaluate(model, levels, labels, bar, world)
    figures = dataclasses.asdict(result)
    measured: dict[str, Any] = figures | {
        "dataset": dataset,
        "split": args.split,
        "binarization": binarization,
        "levels": num_levels,
        "precision": args.precision,
        "ensemble": False,
        # So that figures and the file that they were measured on cannot be confused.
        "weights_sha256": sha256(folder),
    }
    if args.write and world.first:
        write_whole(folder / METRICS, f"{json.dumps(measured)}\n".encode())
    return measured


def what_to_measure(
    folder: Path,
    num_levels: int,
    asked_dataset: str | None = None,
    asked_binarization: Binarization | None = None,
) -> tuple[str, Binarization]:
    """The data that are asked for, or else those that the weights were fitted to.

    What is other than in training is said on stderr.

    Args:
        folder: of the weights.
        num_levels: K.
        asked_dataset, asked_binarization: None for those of training.

    Raises:
        ValueError: in one sentence, if a record is damaged, or the binarization does not fit the levels.
    """
    record = read_record(folder, run_of(folder), strict=False)
    dataset = asked_dataset or record.dataset or "MNIST"
    if asked_dataset is None and dataset not in get_args(Dataset):
        raise ValueError(f"The weights were fitted to {dataset}: give its path by --data.")
    wanted = asked_binarization or record.binarization or default_binarization(num_levels)
    binarization = cast(Binarization, wanted)
    check_binarization(num_levels, binarization)
    for fitted, asked in ((record.dataset, dataset), (record.binarization, binarization)):
        if fitted not in (None, asked):
            print(f"The weights were fitted to {fitted}; this measures {asked}.", file=sys.stderr)
    return dataset, binarization


if __name__ == "__main__":
    main()
