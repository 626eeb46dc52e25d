"""`python -m pixelcnn.calibrate FOLDER --data-dir DIR`: measure what is usual, for `pixelcnn.typicality`.

Writes `typicality.json` beside the weights: the likelihoods of validation images, drawn free-hand for a model
that knows two hands. Prints, for some numbers of rows, the nats that one drawing in a hundred exceeds.
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from pixelcnn.data.datasets import (
    evaluation_levels,
    freehand_images,
    load_images,
)
from pixelcnn.density.model import CHUNK
from pixelcnn.density.reference import SHARES, Reference
from pixelcnn.density.typicality import measure_reference
from pixelcnn.devices import autocast, pick_device
from pixelcnn.evaluate import what_to_measure
from pixelcnn.refusals import one_sentence
from pixelcnn.store.folder import TYPICALITY, load_folder, locate, sha256


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    add("weights", type=Path, help="folder with config.json and model.safetensors")
    add("--data-dir", type=Path, default=Path("data"), help="torchvision's root folder")
    add("--limit", type=int, default=2_000, metavar="N", help="N validation images at even steps")
    add("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="of products")
    add("--device", help="cpu, cuda, ...; default: a GPU if there is one")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Measure, write and print."""
    args = parse_args(argv)
    with one_sentence():
        reference = run(args)
    rare = SHARES.index(0.99)
    for rows in range(4, len(reference.nats), 4):
        print(
            f"{rows:3} rows: one drawing in 100 takes more than {reference.nats[rows, rare]:.1f} nats"
        )


def run(args: argparse.Namespace) -> Reference:
    """Measure, and write the file.

    Raises:
        ValueError, OSError, RuntimeError: in one sentence, if a flag, the weights or the data are not usable.
    """
    folder, _ = locate(args.weights)
    device = pick_device(args.device)
    model = load_folder(folder, device, reference=False)  # what lies there may be of other weights
    dataset, binarization = what_to_measure(folder, model.config.levels)
    images = load_images(dataset, args.data_dir, "validation", device).every(args.limit)
    if model.config.freehand:
        images = freehand_images(images, "validation")
    levels = evaluation_levels(images, model.config.levels, binarization, "validation")
    with autocast(device, args.precision):
        batches = (part.long() for part in tqdm(levels.split(CHUNK), unit="batch", disable=None))
        reference = measure_reference(model, batches, weights_sha256=sha256(folder))
    reference.save(folder / TYPICALITY)
    return reference


if __name__ == "__main__":
    main()
