"""`python -m pixelcnn.calibrate FOLDER --data-dir DIR`: measure what is usual, for `pixelcnn.typicality`.

Fits the condition of what is no digit, where the model is told a class or a hand, and then ranks validation
images, drawn free-hand for a model that knows two hands. Writes `typicality.json` beside the weights, which
stay as they are. Prints, for some numbers of rows, the surprise that one drawing in a hundred exceeds.
"""

import argparse
from pathlib import Path

import torch

from pixelcnn.config import MOST_SEED
from pixelcnn.data.datasets import (
    evaluation_levels,
    freehand_images,
    load_images,
    to_levels,
)
from pixelcnn.data.outliers import draw_outliers
from pixelcnn.data.own import OWN_DATA, read_own
from pixelcnn.density.model import CHUNK
from pixelcnn.density.reference import SHARES, Reference
from pixelcnn.density.typicality import measure_reference
from pixelcnn.devices import THREADS_HELP, autocast, pick_device, set_threads
from pixelcnn.evaluate import what_to_measure
from pixelcnn.foreign import whole
from pixelcnn.refusals import extra, one_sentence
from pixelcnn.store.folder import TYPICALITY, load_folder, sha256
from pixelcnn.store.names import find_own
from pixelcnn.training.outliers import fit_outliers

with extra("train"):
    from tqdm import tqdm

BATCH = 24  # outliers in a step
MOST_OUTLIERS = 1_000_000


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    add("weights", help="folder of a model or a run, or binary, gray, residual")
    add("--data-dir", type=Path, default=Path("data"), help="torchvision's root folder")
    add("--data", type=Path, help=OWN_DATA)
    add("--limit", type=int, default=2_000, metavar="N", help="N validation images at even steps")
    add(
        "--outliers",
        type=int,
        default=20_000,
        metavar="N",
        help="drawings to fit what is no digit to; 0: rank by the likelihood of digits alone",
    )
    add("--seed", type=int, default=0, help="of these drawings")
    add("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="of products")
    add("--device", help="cpu, cuda, ...; default: a GPU if there is one")
    add("--threads", type=int, metavar="N", help=THREADS_HELP)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Measure, write and print."""
    args = parse_args(argv)
    with one_sentence():
        reference = run(args)
    rare = SHARES.index(0.99)
    for rows in range(4, len(reference.nats), 4):
        print(f"{rows:3} rows: one drawing in 100 exceeds {reference.nats[rows, rare]:.1f} nats")


def run(args: argparse.Namespace) -> Reference:
    """Measure, and write the file.

    Raises:
        ValueError, OSError, RuntimeError: in one sentence, if a flag, the weights or the data are not usable.
    """
    set_threads(args.threads)
    whole("outliers", args.outliers, 0, MOST_OUTLIERS)
    whole("seed", args.seed, 0, MOST_SEED)
    folder = find_own(args.weights)
    device = pick_device(args.device)
    model = load_folder(folder, device, reference=False)  # what lies there may be of other weights
    own = read_own(args.data) if args.data else None
    dataset, binarization = what_to_measure(folder, model.config.levels, own.name if own else None)
    levels = model.config.levels
    if own:
        own.check_fit(model.config)
        if args.outliers:
            raise ValueError(
                "Drawings that are no digit tell nothing of your own images: add --outliers 0."
            )
        usual = own.split("validation", device)
        usual = usual.every(min(args.limit, len(usual)))
    else:
        usual = load_images(dataset, args.data_dir, "validation", device).every(args.limit)
    if model.config.freehand:
        usual = freehand_images(usual, "validation")
    usual_levels = evaluation_levels(usual, levels, binarization, "validation")
    outliers = {}
    if args.outliers and model.config.num_conditions:
        images = load_images(dataset, args.data_dir, "train")
        generator = torch.Generator().manual_seed(args.seed)
        drawn = draw_outliers(images, args.outliers, generator)
        batches = to_levels(drawn, levels, binarization, generator).split(BATCH)
        outliers = fit_outliers(model, batches, precision=args.precision)
    with autocast(device, args.precision):
        parts = tqdm(usual_levels.split(CHUNK), "digits", unit="batch", disable=None)
        reference = measure_reference(
            model,
            (part.long() for part in parts),
            outliers=outliers,
            weights_sha256=sha256(folder),
        )
    reference.save(folder / TYPICALITY)
    return reference


if __name__ == "__main__":
    main()
