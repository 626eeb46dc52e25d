"""`python -m bench.training --data-dir DIR`: what an hour of training brings, ours and a plain reference.

Both learn MNIST at threshold 0.5, given the class. The reference (`bench/reference.py`) is the same network
written plainly, in fp32, trained by AdamW at a constant rate. Ours has the recipe of `--preset binary`,
without free-hand digits, its cosine stretched over the time there is. They take turns of some seconds, so
that both meet the same hours of the machine; only steps are counted, not validation. Prints nats per image
on validation images, with averaged weights, at every tenth of the time and at every sixth part of the first
one; how many minutes each took to some losses; and one JSON line.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.machine import machine
from bench.reference import PlainRun
from examples import minimal
from pixelcnn.data.datasets import Images, evaluation_levels, load_images, training_batches
from pixelcnn.density.model import CHUNK, PixelCNN
from pixelcnn.refusals import one_sentence
from pixelcnn.training.flags import configs, parse_args
from pixelcnn.training.optimizers import cosine_factor
from pixelcnn.training.run import start
from pixelcnn.training.step import train_step

LOOKS = tuple(part / 60 for part in (1, 2, 3, 4, 5, *range(6, 61, 6)))  # shares of the time
TURN_SECONDS = 20.0
LOSSES = (58.0, 56.0, 55.0, 54.0)  # nats per image, whose time is told
PLAIN_LR, WEIGHT_DECAY, CLIP, DECAY = 1e-3, 0.01, 1.0, 0.998

Step = Callable[
    [Tensor, Tensor, float], None
]  # levels, labels and the share of the time that is over
Nats = Callable[[Tensor, Tensor], Tensor]  # levels and labels to nats of each image


@dataclass
class Learner:
    """One of the two: how it learns, what it has reached, and the time that its steps took."""

    step: Step
    nats: Callable[[], Nats]  # of the averaged weights
    batches: Iterator[tuple[Tensor, Tensor, Tensor]]
    seconds: float = 0.0
    images: int = 0
    reached: list[float] = field(default_factory=list)  # nats per image, at each look

    def learn(self, until: float, budget: float) -> None:
        """Take steps until `until` of the `budget` seconds are over."""
        while self.seconds < until:
            levels, labels, _ = next(self.batches)
            before = time.perf_counter()
            self.step(levels, labels, min(1.0, self.seconds / budget))
            self.seconds += time.perf_counter() - before
            self.images += len(labels)

    @torch.no_grad()
    def validate(self, levels: Tensor, labels: Tensor) -> None:
        """Note the nats per image."""
        nats, parts = self.nats(), zip(levels.split(CHUNK), labels.split(CHUNK), strict=True)
        total = sum(float(nats(some.long(), label).double().sum()) for some, label in parts)
        self.reached.append(total / len(labels))


def minutes_until(loss: float, times: Sequence[float], reached: Sequence[float]) -> float | None:
    """When a loss was reached, on straight lines between the losses that were measured.

    Args:
        loss: nats per image.
        times: minutes from the start, in order.
        reached: nats per image at each of them.

    Returns:
        minutes from the start: the first of `times` for what was reached by then; None for what never was.

    Example:
        >>> minutes_until(57.0, [5.0, 10.0, 15.0], [60.0, 58.0, 56.0])
        12.5
    """
    looks = list(zip(times, reached, strict=True))
    if reached[0] <= loss:
        return times[0]
    for (before, above), (after, below) in pairwise(looks):
        if below <= loss:
            return before + (above - loss) / (above - below) * (after - before)
    return None


def endless(images: Images, batch_size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Epoch after epoch of the training images."""
    for epoch in count(1):
        yield from training_batches(
            images,
            levels=2,
            binarization="threshold",
            batch_size=batch_size,
            shift=0,
            freehand=0,
            seed=0,
            epoch=epoch,
        )


def ours(images: Images, precision: str) -> Learner:
    """The recipe of `--preset binary` on MNIST's own digits."""
    flags = ["--preset", "binary", "--freehand", "0", "--precision", precision]
    model_config, config = configs(parse_args(flags))
    run = start(model_config, config, torch.device("cpu"))

    def step(levels: Tensor, labels: Tensor, over: float) -> None:
        run.model.train()
        rate = cosine_factor(config, run.step, over)
        train_step(run, levels, labels, torch.zeros(len(labels), dtype=torch.bool), rate)
        run.step += 1

    def nats() -> Nats:
        model = run.evaluated.eval()
        return lambda levels, labels: -model.log_prob(levels, labels).sum((1, 2, 3))

    return Learner(step, nats, endless(images, config.batch_size))


def reference(images: Images, batch_size: int) -> Learner:
    """The same network, plainly."""
    config = configs(parse_args(["--preset", "binary", "--freehand", "0", "--class-from", "0"]))[0]
    torch.manual_seed(0)
    run = PlainRun(PixelCNN(config), lr=PLAIN_LR, weight_decay=WEIGHT_DECAY, clip=CLIP)

    def step(levels: Tensor, labels: Tensor, over: float) -> None:
        run.step(levels, labels, decay=DECAY)

    def nats() -> Nats:
        model = run.averaged()
        return lambda levels, labels: minimal.nats(model, levels, labels)

    return Learner(step, nats, endless(images, batch_size))


def check(args: argparse.Namespace) -> None:
    """Raise a ValueError that says what is allowed, unless all flags are in range."""
    if not 0 < args.minutes <= 24 * 60:
        raise ValueError(f"--minutes must be above 0, and 1440 at most, got {args.minutes:g}.")
    if args.batch_size < 1:
        raise ValueError(f"--batch-size must be at least 1, got {args.batch_size}.")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train both; the returned object is what the last line prints.

    Raises:
        ValueError, RuntimeError: in one sentence, if a flag is out of range or MNIST is not there.
    """
    check(args)
    images = load_images("MNIST", args.data_dir, "train")
    validation = load_images("MNIST", args.data_dir, "validation").every(args.validation_images)
    levels = evaluation_levels(validation, 2, "threshold", "validation")
    learners = {
        "reference": reference(images, args.batch_size),
        "ours": ours(images, args.precision),
    }
    budget = 60 * args.minutes
    print(f"{'minutes':>8}" + "".join(f"{name:>12}" for name in learners), flush=True)
    for look in LOOKS:
        until = budget * look
        while any(each.seconds < until for each in learners.values()):
            for each in learners.values():
                each.learn(min(until, each.seconds + TURN_SECONDS), budget)
        for each in learners.values():
            each.validate(levels, validation.labels)
        cells = "".join(f"{each.reached[-1]:12.2f}" for each in learners.values())
        print(f"{until / 60:8.1f}{cells}", flush=True)
    times = [args.minutes * look for look in LOOKS]
    return {
        "minutes_each": args.minutes,
        "minutes": times,
        "validation_images": len(validation),
        "precision": args.precision,
        **{
            name: {
                "nats": each.reached,
                "minutes_until": {
                    f"{loss:g}": minutes_until(loss, times, each.reached) for loss in LOSSES
                },
                "images_per_second": each.images / each.seconds,
            }
            for name, each in learners.items()
        },
    } | machine()


def print_times(result: dict[str, Any]) -> None:
    """Print the minutes until each of the losses."""
    print(f"{'until':>8}  (minutes of steps)")
    for loss in (f"{loss:g}" for loss in LOSSES):
        times = [result[name]["minutes_until"][loss] for name in ("reference", "ours")]
        cells = "".join(f"{'-' if time is None else f'{time:.1f}':>12}" for time in times)
        print(f"{loss:>8}{cells}")


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--data-dir", type=Path, default=Path("data"), help="torchvision's root folder")
    add("--minutes", type=float, default=60.0, help="of steps, for each of the two")
    add("--batch-size", type=int, default=32, help="of the reference")
    add("--validation-images", type=int, default=1_000, help="at even steps")
    add("--precision", choices=("auto", "bf16", "fp32"), default="auto", help="of ours")
    args = parser.parse_args(argv)
    with one_sentence():
        result = run(args)
    print_times(result)
    speeds = [result[name]["images_per_second"] for name in ("reference", "ours")]
    print(f"images a second: {speeds[0]:.1f} and {speeds[1]:.1f}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
