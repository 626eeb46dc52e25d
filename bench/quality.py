"""How good samples and completions are: `python -m bench.quality weights/binary --data-dir DIR`.

A judge, a small CNN that is trained once on real digits (see `bench.judge`), reads samples of any digit, and
completions of the top halves of test digits whose class is drawn from the posterior. Every figure depends on
the judge, so the same figures of as many real test digits stand beside it. A picture shows samples beside
their nearest training images. Prints a table and, as its last line, one JSON object. Processes that
`torchrun` starts share the draws and the reading.
"""

import argparse
import dataclasses
import json
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

import pixelcnn
from bench.figures import (
    MOST_SEED,
    SURE,
    Draw,
    Figures,
    check_ranges,
    make_reference,
    measure_model,
    measure_real,
)
from bench.judge import CLASSES, Recipe, get_judge
from pixelcnn.data.datasets import load_images
from pixelcnn.density.model import PixelCNN
from pixelcnn.distributed import ALONE, World, join
from pixelcnn.refusals import one_sentence

RECIPE = Recipe()
PICTURE = "nearest.png"

# Key of the figure, its name, how it is printed, what is asked of it, and what is aimed at.
ROWS = (
    ("sure", f"the judge is sure (above {SURE})", "{sure:.1%}", ">= 90%", "95%"),
    ("frechet", "Frechet distance to the training set", "{frechet:.2f}", "<= 8", "3"),
    ("own_class", "judged to be of their own class", "{own_class:.1%}", ">= 97%", "98.5%"),
    ("shares", "share of the rarest class", "{shares[least]:.1%}", ">= 8%", ""),
    ("shares", "share of the commonest class", "{shares[most]:.1%}", "<= 12%", ""),
    (
        "completed",
        "judged as the original, {completions:,} halves",
        "{completed:.1%}",
        ">= 85%",
        "90%",
    ),
    ("class_drawn", "class drawn for them is the original's", "{class_drawn:.1%}", "", ""),
    ("nearest", "copies of a training image", "{nearest[copies]:.2%}", "", ""),
    ("nearest", "pixels to the nearest one, least", "{nearest[least]}", "", ""),
    ("nearest", "pixels to the nearest one, median", "{nearest[median]}", "", ""),
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("weights", help="folder with config.json and model.safetensors, of a model of MNIST")
    add("--data-dir", type=Path, default=Path("data"), help="torchvision's root folder")
    add("--samples", type=int, default=10_000, help="digits to draw")
    add("--completions", type=int, default=2_000, help="test digits, at even steps, to complete")
    add("--temperature", type=float, help="measure at this one and at 1")
    add("--seed", type=int, default=0, help="of samples and completions")
    add("--batch-size", type=int, default=250, help="drawn at once; another draws other digits")
    add("--judge", type=Path, default=Path("runs/judge"), help="folder that keeps the judge")
    add("--out", type=Path, default=Path("runs/quality"), help="folder for the picture")
    add("--device", help="of the model: cpu, cuda, ...; None: a GPU if there is one")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    args = parse_args(argv)
    with one_sentence(), join() as world:
        result = run(args, world)
    if world.first:
        print_table(result)
        print(json.dumps(result))


def run(args: argparse.Namespace, world: World = ALONE) -> Figures:
    """Measure, together with the other processes; the returned object is what the last line prints.

    Raises:
        ValueError: in one sentence, if a flag is out of range, the model is none of MNIST, or the judge is
            not good enough.
    """
    check_flags(args)
    model = pixelcnn.load(args.weights, device=world.pick_device(args.device))
    check_model(model)
    args.out.mkdir(parents=True, exist_ok=True)  # before the work: a fault here must not waste it
    with world.in_turn():  # the first trains the judge, the others find it
        train, test = (load_images("MNIST", args.data_dir, split) for split in ("train", "test"))
        judge, test_accuracy = get_judge(args.judge, train, test, RECIPE)
    reference = make_reference(judge, train, world)
    digits, halves = test.every(min(args.samples, len(test))), test.every(args.completions)
    real, picture = measure_real(reference, digits, halves)
    pictures, columns = [("Test digits", picture)], []
    for temperature in temperatures(args):
        draw = Draw(temperature=temperature, seed=args.seed, batch_size=args.batch_size)
        column, picture = measure_model(reference, model, draw, samples=args.samples, halves=halves)
        columns.append(column)
        pictures.append((f"Samples at temperature {temperature:g}", picture))
    if world.first:
        save_picture(pictures, args.out / PICTURE)
    return {
        "weights": str(args.weights),
        "levels": model.config.levels,
        "num_classes": model.num_classes,
        "samples": args.samples,
        "test_digits": len(digits),
        "completions": args.completions,
        "seed": args.seed,
        "batch_size": args.batch_size,
        "judge": {"test_accuracy": test_accuracy} | dataclasses.asdict(RECIPE),
        "real": real,
        "model": columns,
        "picture": str(args.out / PICTURE),
    }


def check_flags(args: argparse.Namespace) -> None:
    """Raise a ValueError that says what is allowed, unless all flags are in range."""
    ranges = {  # two samples have a covariance, one has none
        "samples": (2, 1_000_000),
        "completions": (1, 10_000),
        "batch_size": (1, 10_000),
        "seed": (0, MOST_SEED),
    }
    check_ranges(args, ranges)
    if args.temperature is not None and not 0 <= args.temperature < float("inf"):
        raise ValueError(f"--temperature must be finite and 0 or more, got {args.temperature}.")


def check_model(model: PixelCNN) -> None:
    """Raise a ValueError unless the model describes images like MNIST's."""
    c = model.config
    shape, classes = (c.in_channels, c.height, c.width), c.num_classes
    if shape != (1, 28, 28) or classes not in (0, CLASSES):
        raise ValueError(
            f"The judge reads images of shape (1, 28, 28) in 0 or {CLASSES} classes:"
            f" this model makes {shape} in {classes}."
        )


def temperatures(args: argparse.Namespace) -> list[float]:
    """1, and the one of the flag, if it is given."""
    asked = [] if args.temperature is None else [args.temperature]
    return list(dict.fromkeys([1.0, *asked]))


def save_picture(pictures: list[tuple[str, Image.Image]], path: Path) -> None:
    """Draw each set of digits over their nearest training images, as PNG."""
    width, height = pictures[0][1].size
    figure = Figure(figsize=(width / 120, len(pictures) * (height / 120 + 0.4)))
    figure.set_layout_engine("constrained")
    rows = figure.subplots(len(pictures), squeeze=False)[:, 0]
    for axes, (name, picture) in zip(rows, pictures, strict=True):
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
        axes.set_title(f"{name}, by rising distance, over their nearest training images")
        axes.axis("off")
    figure.savefig(path, dpi=120)


def print_table(result: Figures) -> None:
    """Print the figures side by side, and what has to be known to read them."""
    columns = [result["real"], *result["model"]]
    heads = [f"T = {column['temperature']:g}" for column in result["model"]]
    print(f"{'':42}" + "".join(f"{head:>12}" for head in ("test digits", *heads, "asked", "aim")))
    for key, name, form, asked, aim in ROWS:
        cells = [form.format(**c) if c.get(key) is not None else "-" for c in columns]
        print(
            f"{name.format(**result):42}" + "".join(f"{cell:>12}" for cell in (*cells, asked, aim))
        )
    print(f"{result['samples']:,} samples beside {result['test_digits']:,} test digits;", end=" ")
    print(f"the judge is right on {result['judge']['test_accuracy']:.2%} of all test digits.")
    if not result["num_classes"]:
        print("The model has no classes: rows that need the class of a sample are left out.")
    if result["levels"] > 2:
        print(f"Of {result['levels']} levels the upper half is ink to the judge.")
    print(f"Samples and their nearest training images: {result['picture']}")


if __name__ == "__main__":
    main()
