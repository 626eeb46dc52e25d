"""`python -m bench.engine_speed [WEIGHTS]`: the page's engine against PyTorch, each on one thread.

CPU time of a digit, of the posterior of 14 rows that are new, and of that with eight completions. Both take
turns, and the medians of ratios are quoted. Needs Node. `--against FOLDER` measures another build of the
engine, too.
"""

import argparse
import json
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import torch

import pixelcnn
from bench.machine import machine
from pixelcnn.refusals import one_sentence
from pixelcnn.sampling.sampler import Sampler

ENGINE = Path(__file__).parents[1] / "web" / "engine"
ROWS = 14
WARM_UP = 12  # turns that are not counted: each class once, and the compilers


class NodeEngine:
    """An engine in a process of Node."""

    def __init__(self, engine: Path, weights: Path) -> None:
        paths = (Path(__file__).with_suffix(".mjs"), engine, weights)
        command = ["node", *map(str, paths)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def measure(self, task: str, seed: int) -> float:
        """CPU milliseconds of a task."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"task": task, "seed": seed}) + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def tasks(sampler: Sampler) -> dict[str, Callable[[int], object]]:
    """The same tasks in PyTorch, of a seed."""
    model = sampler.model
    levels = pixelcnn.generate(model, 1, seed=0).levels
    levels[:, :, 0] = 1
    label = model.num_classes or None

    def digit(seed: int) -> object:
        return sampler.generate(1, label and seed % label, seed=seed)

    def completions(seed: int) -> object:
        return sampler.complete(levels, rows=ROWS, count=8, seed=seed)

    def posterior(seed: int) -> object:
        return sampler.digit_posterior(levels, rows=ROWS)

    named: dict[str, Callable[[int], object]] = {"digit": digit, "completions": completions}
    return named | {"posterior": posterior} if label else named


def cpu_ms(task: Callable[[int], object], seed: int) -> float:
    """CPU milliseconds of a task in this process."""
    start = time.process_time()
    task(seed)
    return 1e3 * (time.process_time() - start)


def measure(weights: Path, engines: list[Path], turns: int) -> list[dict[str, float | str]]:
    """One row for each task: medians of CPU milliseconds, and of ratios to PyTorch."""
    torch_tasks = tasks(Sampler(pixelcnn.load(weights)))  # refuses what Node would trip over
    nodes = [NodeEngine(each, weights) for each in engines]
    rows = []
    for name, task in torch_tasks.items():
        times = []
        for seed in range(WARM_UP + turns):
            ours = [node.measure(name, seed) for node in nodes]
            times.append([cpu_ms(task, seed), *ours])
        torch_ms, *engine_ms = (list(each) for each in zip(*times[WARM_UP:], strict=True))
        row: dict[str, float | str] = {"task": name, "torch_ms": statistics.median(torch_ms)}
        for each, engine in zip(engine_ms, ("engine", "other"), strict=False):
            row[f"{engine}_ms"] = statistics.median(each)
            row[f"{engine}_ratio"] = statistics.median(
                a / b for a, b in zip(each, torch_ms, strict=True)
            )
        rows.append(row)
    for node in nodes:
        node.close()
    return rows


def main() -> None:
    """Measure, print a table, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, nargs="?", default=Path("weights/binary"))
    parser.add_argument("--against", type=Path, help="folder of another engine.js and engine.wasm")
    parser.add_argument("--turns", type=int, default=30)
    flags = parser.parse_args()
    torch.set_num_threads(1)
    engines = [ENGINE, flags.against] if flags.against else [ENGINE]
    with one_sentence():
        rows = measure(flags.weights, engines, flags.turns)
    print("".join(f"{name:>14}" for name in rows[0]))
    for row in rows:
        cells = (each if isinstance(each, str) else f"{each:.2f}" for each in row.values())
        print("".join(f"{each:>14}" for each in cells))
    print(json.dumps({"weights": str(flags.weights), "rows": rows, **machine()}))


if __name__ == "__main__":
    main()
