"""How a model completes any part of a digit: `python -m bench.any_part weights/binary --data-dir DIR`.

Test digits are given in part: halves, all but a box or the path of an eraser, scattered pixels, ink alone,
strokes as far as a pen has drawn them. For each kind of mask, in each style that the model knows:

    raster      nats of the missing pixels given class and style, by the network alone
    q           the same with the conditioner's terms
    gap         -log q(missing | given) less -log p(missing | given), on some of the digits; p(given) is
                estimated from candidates, whose log is too low on average, so that the gap is too high
    ESS         median effective sample size of 16 candidates, as a share
    head        share of digits whose most probable class is right
    ceiling     the same for a convolutional classifier that is trained on such masks alone
    ECE         expected calibration error of the class probabilities
    completed   share of completions, one a digit, that a classifier of whole digits reads as the digit
    unfinished  share of completions with less than a tenth of the missing ink, or read with less than 50 %

Prints a table and, as its last line, one JSON object. `--picture` draws 16 completions a row.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

import pixelcnn
from bench.figures import MOST_SEED, Figures, batch_seed, check_ranges, share
from bench.hands import RECIPE
from bench.judge import Judge, Recipe, get_judge
from bench.machine import machine
from bench.quality import check_model
from bench.tops import Answers, calibration_error
from pixelcnn.data import masks
from pixelcnn.data.datasets import Images, evaluation_levels, freehand_images, load_images
from pixelcnn.density.model import CHUNK, PixelCNN
from pixelcnn.devices import pick_device
from pixelcnn.refusals import one_sentence
from pixelcnn.sampling.importance import Importance
from pixelcnn.sampling.sampler import Sampler

# Of the ceiling: the judge's layout, with the mask as a second channel.
CEILING = Recipe(
    channels=(16, 32, 64), padding=2, dropout=0.1, epochs=6, gamma=0.6, freehand=0.5, masked=True
)
DRAWN_SO_FAR = 0.5  # share of the strokes that a pen has drawn
BATCH = 50  # digits completed at once; another number draws other completions
GROUP = 16  # candidates that the effective sample size is of
SHOWN = 16  # completions in a row of the picture
BLUE, ORANGE, PAPER, UNKNOWN = (37, 99, 235), (234, 120, 30), (255, 255, 255), (226, 232, 240)

Mask = Callable[[Tensor, torch.Generator], Tensor]  # ink (N, 28, 28) bool -> given (N, 28, 28)


def _half(side: str, *, ink_alone: bool = False) -> Mask:
    """One half of the image; of free-hand digits, which may lie anywhere, the half of their box."""

    def draw(ink: Tensor, generator: torch.Generator) -> Tensor:
        axis = 1 if side in ("top", "bottom") else 2
        size = ink.shape[axis]
        place = torch.arange(size)
        used = ink.any(3 - axis)  # (N, size)
        low = used.int().argmax(1)
        high = size - 1 - used.flip(1).int().argmax(1)
        middle = ((low + high + 1) // 2)[:, None]
        first = place < middle
        half = first if side in ("top", "left") else ~first
        given = (half[:, :, None] if axis == 1 else half[:, None]).expand_as(ink)
        return given & ink if ink_alone else given

    return draw


def _box(ink: Tensor, generator: torch.Generator) -> Tensor:
    given = torch.ones_like(ink)
    given[:, 8:20, 8:20] = False
    return given


def _strokes(ink: Tensor, generator: torch.Generator, *, sides: bool = False) -> Tensor:
    given = ink & (masks.pen_order(ink, generator) <= DRAWN_SO_FAR)
    return given | masks.sides(ink, given) if sides else given


ROWS: dict[str, Mask] = {
    "top": _half("top"),
    "bottom": _half("bottom"),
    "left": _half("left"),
    "right": _half("right"),
    "all but a box of 12x12": _box,
    "all but eraser strokes": masks.erased,
    "scattered pixels": masks.scattered,
    "ink of the top": _half("top", ink_alone=True),
    "ink of the bottom": _half("bottom", ink_alone=True),
    "ink of the left": _half("left", ink_alone=True),
    "ink of the right": _half("right", ink_alone=True),
    "strokes so far": _strokes,
    "strokes so far, and paper beside them": lambda ink, generator: _strokes(
        ink, generator, sides=True
    ),
}
# Two of each kind are shown in the picture.
SHOWN_DIGITS = {name: (k % 10, (k + 5) % 10) for k, name in enumerate(ROWS)}
COLUMNS = ("raster", "q", "gap", "ess", "head", "ceiling", "ece", "completed", "unfinished")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("weights", help="folder with config.json and model.safetensors, of a model of MNIST")
    add("--data-dir", type=Path, default=Path("data"), help="torchvision's root folder")
    add("--limit", type=int, default=1_000, help="test digits, at even steps, for each row")
    add("--exact", type=int, default=40, help="of these, for gap and ESS")
    add("--candidates", type=int, default=64, help="for gap and ESS, a multiple of 16")
    add("--seed", type=int, default=0, help="of masks and completions")
    add("--judge", type=Path, default=Path("runs/judge"), help="folder that keeps the classifiers")
    add("--picture", type=Path, help="PNG to write, with 16 completions a row")
    add("--device", help="of the model: cpu, cuda, ...; None: a GPU if there is one")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    args = parse_args(argv)
    with one_sentence():
        result = run(args)
    print_table(result)
    print(json.dumps(result))


def run(args: argparse.Namespace) -> Figures:
    """Measure; the returned object is what the last line prints.

    Raises:
        ValueError: in one sentence, if a flag is out of range, or the model has no classes or no conditioner.
    """
    check_ranges(args, {"limit": (1, 10_000), "exact": (1, args.limit), "seed": (0, MOST_SEED)})
    check_ranges(args, {"candidates": (GROUP, 4096)})
    model = pixelcnn.load(args.weights, device=pick_device(args.device))
    check_model(model)
    if not model.num_classes or model.conditioner is None:
        raise ValueError(
            "This model has no classes or no conditioner: see train.py --preset any-part."
        )
    train, test = (load_images("MNIST", args.data_dir, split) for split in ("train", "test"))
    judge, accuracy = get_judge(args.judge, train, freehand_images(test, "test"), RECIPE)
    ceiling, _ = get_judge(args.judge, train, test, CEILING)
    digits = test.every(args.limit)
    sampler = Sampler(model)
    rows, pictures = [], []
    for freehand in (False, True)[: 1 + model.config.freehand]:
        images = freehand_images(digits, "test") if freehand else digits
        for name, mask in ROWS.items():
            figures, picture = measure(sampler, images, name, mask, freehand, judge, ceiling, args)
            rows.append({"name": name, "freehand": freehand} | figures)
            pictures.append(picture)
    if args.picture:
        Image.fromarray(np.concatenate(pictures)).save(args.picture)
    return {
        "weights": str(args.weights),
        "digits": len(digits),
        "exact": args.exact,
        "candidates": args.candidates,
        "seed": args.seed,
        "judge_test_accuracy": accuracy,
        "parameters": sum(p.numel() for p in model.conditioner.parameters()),
        "rows": rows,
        "seconds_of_eight": speed(sampler, digits),
    } | machine()


@torch.inference_mode()
def measure(
    sampler: Sampler,
    images: Images,
    name: str,
    mask: Mask,
    freehand: bool,
    judge: Judge,
    ceiling: Judge,
    args: argparse.Namespace,
) -> tuple[Figures, Any]:
    """The figures of one row of the table, and a row of the picture."""
    model, labels = sampler.model, images.labels
    levels = evaluation_levels(images, model.config.levels, default(model), "test").long()
    ink = (levels > 0)[:, 0]
    given = mask(ink, torch.Generator().manual_seed(args.seed))[:, None]
    parts = list(torch.arange(len(levels)).split(BATCH))
    raster, steered, posterior, drawn = [], [], [], []
    for number, some in enumerate(tqdm(parts, f"{name}{', free-hand' * freehand}", disable=None)):
        part, what = levels[some], given[some]
        for each in torch.arange(len(some)).split(CHUNK):
            x, label, m = part[each], labels[some][each], what[each]
            raster.append(model.log_prob(x, label, freehand=freehand).masked_fill(m, 0))
            steered.append(model.log_prob(x, label, freehand=freehand, given=m))
        seed = batch_seed(args.seed, number)
        done = sampler.complete(part, given=what, freehand=freehand, seed=seed)
        assert done.posterior is not None
        posterior.append(done.posterior)
        drawn.append(done.levels)
    completed = torch.cat(drawn)
    confidence, digit = torch.cat(posterior).max(1)
    answers = Answers(confidence, digit == labels)
    reading = judge.read(as_ink(completed, model))
    said = torch.cat(
        [
            ceiling(*pair)[0]
            for pair in zip(as_ink(levels, model).split(500), given.split(500), strict=True)
        ]
    )
    missing = ((levels > 0) & ~given).sum((1, 2, 3))
    added = ((completed > 0) & ~given).sum((1, 2, 3))
    unfinished = (reading.confidence < 0.5) | (added < missing / 10)
    gap, ess = against_exact(sampler, levels, given, freehand, args)
    figures = {
        "raster": -float(torch.cat(raster).double().sum((1, 2, 3)).mean()),
        "q": -float(torch.cat(steered).double().sum((1, 2, 3)).mean()),
        "gap": gap,
        "ess": ess,
        "head": share(answers.right),
        "ceiling": share(said.argmax(1) == labels),
        "ece": calibration_error(answers),
        "completed": share(reading.digit == labels),
        "unfinished": share(unfinished),
    }
    digits = [int((labels == label).int().argmax()) for label in SHOWN_DIGITS[name]]
    return figures, picture_row(sampler, levels[digits], given[digits], freehand, args.seed)


def against_exact(
    sampler: Sampler, levels: Tensor, given: Tensor, freehand: bool, args: argparse.Namespace
) -> tuple[float, float]:
    """The gap in nats, and the median effective sample size of 16 candidates, as a share of 16."""
    model = sampler.model
    gaps, sizes = [], []
    for number, k in enumerate(torch.arange(args.exact) * len(levels) // args.exact):
        x, m = levels[k : k + 1], given[k : k + 1]
        done = sampler.complete(
            x,
            given=m,
            freehand=freehand,
            candidates=args.candidates,
            seed=batch_seed(args.seed, number),
        )
        importance = done.importance
        assert importance is not None
        exact = model.log_prob(x, freehand=freehand).double().sum() - importance.log_prob_given[0]
        gaps.append(float(exact - model.log_prob(x, freehand=freehand, given=m).double().sum()))
        groups = Importance(importance.log_weights.view(-1, GROUP), None)
        sizes.append(groups.effective_sample_size)
    return sum(gaps) / len(gaps), float(torch.cat(sizes).median()) / GROUP


def default(model: PixelCNN) -> Any:
    """How the test images become levels."""
    return "threshold" if model.config.levels == 2 else "none"


def as_ink(levels: Tensor, model: PixelCNN) -> Tensor:
    """Ink is the upper half of the levels, (N, 1, 28, 28)."""
    return (2 * levels >= model.config.levels).long()


def picture_row(sampler: Sampler, levels: Tensor, given: Tensor, freehand: bool, seed: int) -> Any:
    """Of some digits the given part, and 16 completions each: (N * 30, 17 * 30, 3) bytes."""
    lines = []
    for k in range(len(levels)):
        x, m = levels[k : k + 1], given[k : k + 1]
        done = sampler.complete(x, given=m, count=SHOWN, freehand=freehand, seed=seed)
        tiles = [_tile(x, m, sampler.model, hidden=True)]
        tiles += [_tile(each[None], m, sampler.model) for each in done.levels]
        lines.append(np.concatenate(tiles, 1))
    return np.concatenate(lines)


def _tile(levels: Tensor, given: Tensor, model: PixelCNN, *, hidden: bool = False) -> Any:
    """One image: what is given is blue, what is drawn orange, what is unknown grey."""
    cover = (levels[0, 0] / (model.config.levels - 1)).numpy()[..., None]
    known = given[0, 0].numpy()[..., None]
    colour = np.where(known, BLUE, ORANGE)
    tile = cover * colour + (1 - cover) * np.array(PAPER)
    if hidden:
        tile = np.where(known, tile, UNKNOWN)
    return np.pad(tile.astype(np.uint8), ((1, 1), (1, 1), (0, 0)), constant_values=200)


def speed(sampler: Sampler, digits: Images) -> dict[str, float]:
    """Seconds of eight whole digits, and of eight completions of some masks, one thread, in turns."""
    model = sampler.model
    levels = evaluation_levels(digits, model.config.levels, default(model), "test").long()
    ink = (levels > 0)[:, 0]
    generator = torch.Generator().manual_seed(0)
    given = {name: mask(ink, generator)[:, None] for name, mask in ROWS.items()}
    given = {"whole digits": torch.zeros_like(ink)[:, None], **given}
    times: dict[str, list[float]] = {name: [] for name in given}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for k in range(1 + min(12, len(levels) - 1)):
            for name, mask in given.items():
                started = time.perf_counter()
                sampler.complete(levels[k : k + 1], given=mask[k : k + 1], count=8, seed=k)
                times[name].append(time.perf_counter() - started)
    finally:
        torch.set_num_threads(threads)
    return {name: float(np.median(each[1:])) for name, each in times.items()}


def _cells(row: Figures) -> Iterator[str]:
    percent = ("ess", "head", "ceiling", "ece", "completed", "unfinished")
    for column in COLUMNS:
        yield f"{row[column]:.1%}" if column in percent else f"{row[column]:.2f}"


def print_table(result: Figures) -> None:
    """Print the figures, a mask a row, and what has to be known to read them."""
    print(f"| style | given | {' | '.join(COLUMNS)} |")
    print("| --- " * (2 + len(COLUMNS)) + "|")
    for row in result["rows"]:
        style = "free-hand" if row["freehand"] else "MNIST"
        print(f"| {style} | {row['name']} | {' | '.join(_cells(row))} |")
    whole = result["seconds_of_eight"]["whole digits"]
    print(f"Eight whole digits, one thread: {whole:.2f} s. Eight completions, times that:")
    for name, seconds in result["seconds_of_eight"].items():
        print(f"  {name:40} {seconds / whole:.2f}")


if __name__ == "__main__":
    main()
