"""`python -m bench.sampling`: time to sample against one dense forward pass of the same batch.

The measurements are interleaved and repeated, and medians are quoted. The dense pass is the model's own
`forward`, warmed up, in inference mode, with the same weights in the same precision. Naive sampling is
really run at batch 1; at larger ones the last rows are run, and the others extrapolated.
"""

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

import pixelcnn
from bench.machine import machine
from pixelcnn.density.given import rows_mask
from pixelcnn.density.model import PixelCNN
from pixelcnn.refusals import one_sentence
from pixelcnn.sampling.draft import Draft
from pixelcnn.sampling.naive import draw_naive

NAIVE_ROWS = {1: 28, 16: 2}  # by batch size, of 28
OTHER_NAIVE_ROWS = 1


def seconds(call: Callable[[], object]) -> float:
    """Time one call, with the device's work done before and after."""
    _wait()
    start = time.perf_counter()
    call()
    _wait()
    return time.perf_counter() - start


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def dense(model: PixelCNN, count: int) -> None:
    """One forward pass."""
    c = model.config
    levels = torch.zeros(count, c.in_channels, c.height, c.width, dtype=torch.long)
    with torch.inference_mode():
        model(levels.to(model.device), 0 if model.num_classes else None)


def naive(model: PixelCNN, count: int, rows: int) -> None:
    """The last `rows` rows by one pass per pixel."""
    c = model.config
    levels = torch.zeros(count, c.in_channels, c.height, c.width, dtype=torch.long)
    label = torch.zeros(count, dtype=torch.long) if model.num_classes else None
    uniforms = torch.rand(levels.shape, generator=torch.Generator().manual_seed(0))
    given = rows_mask(c.height - rows, c.height, c.width)
    draft = Draft(levels=levels, uniforms=uniforms, condition=label, given=given)
    draw_naive(model, draft)


def measure(model: PixelCNN, count: int, repeats: int) -> dict[str, float]:
    """Medians for one batch size."""
    times: dict[str, list[float]] = {"dense": [], "sample": []}
    passes = []
    for seed in range(-1, repeats):
        pair = {"dense": seconds(lambda: dense(model, count))}
        start = time.perf_counter()
        passes.append(pixelcnn.generate(model, count, seed=max(seed, 0)).passes)
        _wait()
        pair["sample"] = time.perf_counter() - start
        if seed >= 0:  # the first warms up
            for name, value in pair.items():
                times[name].append(value)
    middle = {name: statistics.median(values) for name, values in times.items()}
    row = {
        "batch": count,
        "dense_ms": middle["dense"] * 1e3,
        "sample_ms": middle["sample"] * 1e3,
        "ratio": statistics.median(
            s / d for s, d in zip(times["sample"], times["dense"], strict=True)
        ),
        "passes": statistics.median(passes[1:]),
    }
    run = NAIVE_ROWS.get(count, OTHER_NAIVE_ROWS)
    whole = seconds(lambda: naive(model, count, run)) * model.config.height / run
    row |= {"naive_rows_run": run, "naive_ms": whole * 1e3, "speed_up": whole / middle["sample"]}
    return row


def peak_mib(model: PixelCNN, count: int) -> float:
    """What sampling `count` digits adds to the memory of the process, in MiB: to be asked first."""
    pixelcnn.generate(model, 1, seed=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pixelcnn.generate(model, count, seed=0)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def measure_completion(model: PixelCNN, repeats: int) -> dict[str, float]:
    """Eight completions of one top half against eight whole digits."""
    top = pixelcnn.generate(model, 1, seed=0).levels
    half = model.config.height // 2
    ratios = []
    for seed in range(repeats + 1):
        part = seconds(partial(pixelcnn.complete, model, top, rows=half, count=8, seed=seed))
        whole = seconds(partial(pixelcnn.generate, model, 8, seed=seed))
        ratios.append((part, part / whole))
    return {
        "completion_of_8_ms": statistics.median(part for part, _ in ratios[1:]) * 1e3,
        "completion_share": statistics.median(ratio for _, ratio in ratios[1:]),
    }


def main() -> None:
    """Measure, print a table, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("weights", nargs="?", default="weights/binary")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 64, 256])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    with one_sentence():
        model = pixelcnn.load(args.weights, device=args.device)
    peak = peak_mib(model, max(args.batches))
    print("batch   dense ms  sample ms  ratio  passes   naive ms  speed-up")
    rows = []
    for count in args.batches:
        row = measure(model, count, args.repeats)
        rows.append(row)
        part = " (extrapolated)" if row["naive_rows_run"] < model.config.height else ""
        print(
            f"{count:5} {row['dense_ms']:10.1f} {row['sample_ms']:10.1f} {row['ratio']:6.2f}"
            f" {row['passes']:7.0f} {row['naive_ms']:10.0f} {row['speed_up']:8.0f}x{part}",
            flush=True,
        )
    completion = measure_completion(model, args.repeats)
    print(
        f"8 completions of a top half: {completion['completion_of_8_ms']:.0f} ms,"
        f" {completion['completion_share']:.0%} of 8 whole digits"
    )
    print(f"peak memory of a batch of {max(args.batches)}: {peak:.0f} MiB above the loaded model")
    result = {"weights": args.weights, "rows": rows, **completion, "peak_mib": peak}
    print(json.dumps(result | machine()))


if __name__ == "__main__":
    main()
