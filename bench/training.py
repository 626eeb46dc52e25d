"""`python -m bench.training`: images per second of a training step, against a plain reference.

Both do a whole step (forward, backward, optimizer, averaged weights) on the same batches, interleaved;
medians are quoted. The reference (`bench/reference.py`) is in fp32, ours in the precision of training.
With `--data-dir` the batches are MNIST's, and the losses of both are printed as they fall.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from bench.machine import machine
from bench.reference import PlainRun
from pixelcnn.config import ModelConfig, Precision, TrainConfig
from pixelcnn.data.datasets import load_images, training_batches
from pixelcnn.density.model import PixelCNN
from pixelcnn.training.run import start
from pixelcnn.training.step import train_step

Step = Callable[[Tensor, Tensor], Tensor]  # levels (B, 1, H, W) and labels (B,) to nats per image

LR, WEIGHT_DECAY, CLIP, DECAY = 1e-3, 0.01, 1.0, 0.998
CLASSES = 10


def project_step(precision: Precision) -> Step:
    """A step of this project's loop."""
    run_config = TrainConfig(
        lr=LR, weight_decay=WEIGHT_DECAY, grad_clip=CLIP, ema=DECAY, precision=precision
    )
    run = start(ModelConfig(num_classes=CLASSES), run_config, torch.device("cpu"))
    run.model.train()

    def step(levels: Tensor, labels: Tensor) -> Tensor:
        freehand = torch.zeros(len(labels), dtype=torch.bool)
        return train_step(run, levels, labels, freehand, 1.0)

    return step


def plain_step() -> Step:
    """A step of the reference."""
    torch.manual_seed(0)
    run = PlainRun(
        PixelCNN(ModelConfig(num_classes=CLASSES)),
        lr=LR,
        weight_decay=WEIGHT_DECAY,
        clip=CLIP,
    )
    return lambda levels, labels: run.step(levels, labels, decay=DECAY)


def batches(data_dir: Path | None, count: int, size: int) -> list[tuple[Tensor, Tensor]]:
    """`count` batches: of MNIST, or of noise, which takes the same time."""
    if data_dir is None:
        generator = torch.Generator().manual_seed(0)
        shape = (count, size, 1, 28, 28)
        levels = torch.randint(2, shape, generator=generator)
        return list(zip(levels, torch.randint(10, (count, size), generator=generator), strict=True))
    images = load_images("MNIST", data_dir, "train")
    endless = training_batches(
        images,
        levels=2,
        binarization="threshold",
        batch_size=size,
        shift=0,
        freehand=0,
        seed=0,
        epoch=1,
    )
    return [(levels, labels) for (levels, labels, _), _ in zip(endless, range(count), strict=False)]


def main() -> None:
    """Measure, print a table, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=12, help="of each, the first two to warm up")
    parser.add_argument("--precision", choices=["auto", "bf16", "fp32"], default="auto")
    parser.add_argument("--data-dir", type=Path, help="MNIST; without it, noise")
    args = parser.parse_args()
    steps = {"reference": plain_step(), "ours": project_step(args.precision)}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    losses: dict[str, list[float]] = {name: [] for name in steps}
    for levels, labels in batches(args.data_dir, args.steps, args.batch_size):
        for name, step in steps.items():
            before = time.perf_counter()
            loss = step(levels, labels)
            seconds[name].append(time.perf_counter() - before)
            losses[name].append(float(loss))
    report(args, seconds, losses)


def report(
    args: argparse.Namespace, seconds: dict[str, list[float]], losses: dict[str, list[float]]
) -> None:
    """Print what was measured."""
    print("              ms/step  images/s  ours is faster by")
    result: dict[str, object] = {"batch": args.batch_size, "steps": args.steps}
    for name, times in seconds.items():
        middle = statistics.median(times[2:])
        pairs = zip(times[2:], seconds["ours"][2:], strict=True)
        faster = statistics.median(other / ours for other, ours in pairs)
        rate = args.batch_size / middle
        print(f"{name:10} {middle * 1e3:10.0f} {rate:9.1f} {faster:8.2f}x")
        result[name] = {"ms": middle * 1e3, "images_per_second": rate, "ours_faster_by": faster}
    if args.data_dir:
        every = max(1, args.steps // 10)
        print("nats per image, mean of", every, "steps")
        for name, values in losses.items():
            means = [statistics.mean(values[k : k + every]) for k in range(0, len(values), every)]
            print(f"{name:10}", *(f"{mean:7.2f}" for mean in means))
            result[f"{name}_nats"] = means
    print(json.dumps(result | {"precision": args.precision} | machine()))


if __name__ == "__main__":
    main()
