"""How often the same seed draws another digit: on other threads, in other batches, by other arithmetic.

    python -m bench.determinism [WEIGHTS] [--digits 1000] [--first 0] [--ways engine ...]

The reference is PyTorch on one thread in batches of 64, with the vectors that this processor has. Each
other way is a process of its own, and draws the same digits from the same uniforms. Rounding differs
between them, so a digit may differ where a uniform lies within 1e-5 of a boundary of the CDF; a digit
that differs otherwise ends the run. Digit k of a seed is of class k modulo 10; every other seed draws
free-hand, where the model knows two hands. The engine takes the reference's digit for its first guess:
that changes no digit, and saves half of its time.

Few digits differ, so it is also measured how far each boundary of the CDF moves. A uniform falls between
the two places of a boundary with just that probability, so their sum over an image is the share of digits
that differ. Prints what was counted after each chunk, a table, and one JSON line.
"""

import argparse
import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

import pixelcnn
from bench.machine import machine
from pixelcnn.refusals import one_sentence
from pixelcnn.sampling.draft import Draft, join
from pixelcnn.sampling.sampler import Sampler

ROOT = Path(__file__).resolve().parents[1]
CHUNK = 64  # digits of a seed
BOUNDARY = 1e-5  # what rounding may do to a conditional
AVX512 = "avx512"
# PyTorch's own loops, and the products of the two libraries that it calls.
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to draw digits.

    Args:
        batch: digits drawn at once.
        threads: of PyTorch.
        variables: of the process's environment.
        beside: another thread draws other digits meanwhile.
        engine: by the page's engine, in Node.
    """

    batch: int = CHUNK
    threads: int = 1
    variables: dict[str, str] = field(default_factory=dict)
    beside: bool = False
    engine: bool = False


REFERENCE = Way()
WAYS = {
    "2 threads": Way(threads=2),
    "batches of 7": Way(batch=7),
    "batches of 1": Way(batch=1),
    "beside other draws": Way(beside=True),
    "without vectors": Way(variables={"ATEN_CPU_CAPABILITY": "default"}),
    "AVX2": Way(variables=AVX2),
    "AVX-512": Way(variables={"ATEN_CPU_CAPABILITY": AVX512}),
    "other products": Way(variables={"MKL_CBWR": "COMPATIBLE"}),
    "engine": Way(engine=True),
}


class Digits(NamedTuple):
    """A chunk as a process drew it."""

    levels: np.ndarray  # (B, C, H, W)
    boundaries: (
        np.ndarray | None
    )  # of the CDF, (B, C, H, W, K - 1), float32; the engine does not tell


@dataclass
class Count:
    """What was seen of one way."""

    digits: int = 0
    different: int = 0
    moved: float = 0.0  # boundaries in all digits, summed: how many differ on average

    def add(self, found: "Digits", wanted: "Digits", margins: np.ndarray) -> None:
        """Take in a chunk. `margins` as in `count_different`."""
        self.digits += len(wanted.levels)
        self.different += count_different(found.levels, wanted.levels, margins)
        if found.boundaries is not None and wanted.boundaries is not None:
            same = (found.levels == wanted.levels).all((1, 2, 3))
            moves = np.abs(found.boundaries - wanted.boundaries)[same]
            self.moved += float(moves.sum(dtype=np.float64))


def main() -> None:
    """Draw, compare, print a table, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, nargs="?", default=ROOT / "weights" / "binary")
    parser.add_argument(
        "--digits", type=int, default=1000, help="of each way, rounded up to chunks"
    )
    parser.add_argument(
        "--first", type=int, default=0, help="seed of the first chunk: runs may share the digits"
    )
    parser.add_argument("--ways", nargs="+", choices=WAYS, help="all that this machine has")
    parser.add_argument("--worker", type=json.loads, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.worker is not None:
        return work(flags.weights, Way(**flags.worker))
    names = flags.ways or [name for name in WAYS if possible(WAYS[name])]
    ways = {name: WAYS[name] for name in names}
    with one_sentence():
        counts, near = compare(flags.weights, ways, flags.digits, first=flags.first)
    print(f"{'way':22}{'digits':>10}{'different':>12}{'expected in 100,000':>22}")
    for name, count in counts.items():
        expected = f"{1e5 * count.moved / count.digits:.1f}" if count.moved else ""
        print(f"{name:22}{count.digits:>10,}{count.different:>12,}{expected:>22}")
    drawn = next(iter(counts.values())).digits
    print(f"{near:,} of {drawn:,} have a uniform within {BOUNDARY} of a boundary")
    result = {
        "weights": flags.weights.name,
        "near_a_boundary": near,
        "ways": {name: vars(count) for name, count in counts.items()},
        "vectors": torch.backends.cpu.get_cpu_capability(),
        **machine(),
    }
    print(json.dumps(result))
    return None


def possible(way: Way) -> bool:
    """Whether this machine has what a way takes."""
    capability = torch.cpu.get_capabilities()
    wanted = way.variables.get("ATEN_CPU_CAPABILITY")
    return wanted in (None, "default") or bool(capability.get(wanted.replace(AVX512, "avx512_f")))


def compare(
    weights: Path, ways: dict[str, Way], digits: int, *, first: int = 0
) -> tuple[dict[str, Count], int]:
    """Draw the same digits in every way.

    Args:
        weights: folder of a model.
        ways: under their names.
        digits: of each, rounded up to whole chunks.
        first: seed of the first chunk; the next has the next.

    Returns:
        what was seen of each way; and how many digits of the reference have a uniform near a boundary.

    Raises:
        AssertionError: if a digit differs otherwise than by rounding.
    """
    model = pixelcnn.load(weights)
    counts, near = {name: Count() for name in ways}, 0
    processes = {name: _Process(weights, way, model) for name, way in ways.items()}
    reference = _Process(weights, REFERENCE, model)
    try:
        for seed in range(first, first + -(-digits // CHUNK)):
            freehand = model.config.freehand and seed % 2 == 1
            request = {"seed": seed, "count": CHUNK, "freehand": freehand}
            wanted = reference.ask(request)
            assert wanted.boundaries is not None
            distances = np.abs(wanted.boundaries - uniforms(model, seed)[..., None].numpy())
            margins = distances.min(-1)  # (B, C, H, W)
            near += int((margins.reshape(CHUNK, -1).min(1) < BOUNDARY).sum())
            guess = base64.b64encode(wanted.levels.tobytes()).decode()
            for name, process in processes.items():
                asked = {**request, "guess": guess if ways[name].engine else None}
                counts[name].add(process.ask(asked), wanted, margins)
            seen = "; ".join(f"{name} {each.different}" for name, each in counts.items())
            drawn = next(iter(counts.values())).digits
            print(f"{drawn:,} digits, different: {seen}", file=sys.stderr, flush=True)
    finally:
        for process in (reference, *processes.values()):
            process.close()
    return counts, near


def count_different(found: np.ndarray, wanted: np.ndarray, margins: np.ndarray) -> int:
    """How many digits differ.

    Args:
        found, wanted: levels (B, C, H, W).
        margins: of each uniform from the nearest boundary by which `wanted` was drawn (B, C, H, W).

    Raises:
        AssertionError: if the first pixel that differs was not drawn on a boundary.
    """
    different = 0
    for mine, theirs, margin in zip(found, wanted, margins, strict=True):
        pixels = (mine != theirs).any(0).ravel().nonzero()[0]
        if not len(pixels):
            continue
        i, j = divmod(int(pixels[0]), mine.shape[-1])
        wrong = mine[:, i, j] != theirs[:, i, j]
        distance = float(margin[:, i, j][wrong].min())
        assert distance < BOUNDARY, f"pixel ({i}, {j}) differs, {distance} from a boundary"
        different += 1
    return different


def uniforms(model: pixelcnn.PixelCNN, seed: int) -> Tensor:
    """The uniforms of a chunk, (B, C, H, W)."""
    c = model.config
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(CHUNK, c.in_channels, c.height, c.width, generator=generator)


class _Process:
    """A process that draws in one way."""

    def __init__(self, weights: Path, way: Way, model: pixelcnn.PixelCNN) -> None:
        c = model.config
        self._shape = CHUNK, c.in_channels, c.height, c.width
        folder = str(weights.resolve())
        command = ["node", str(Path(__file__).with_suffix(".mjs")), folder]
        if not way.engine:
            told = json.dumps({"batch": way.batch, "threads": way.threads, "beside": way.beside})
            command = [sys.executable, "-m", "bench.determinism", folder, "--worker", told]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **way.variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: dict[str, Any]) -> Digits:
        """The digits of a chunk."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        levels = np.frombuffer(base64.b64decode(answer["levels"]), np.uint8).reshape(self._shape)
        if "boundaries" not in answer:
            return Digits(levels, None)
        boundaries = np.frombuffer(base64.b64decode(answer["boundaries"]), np.float32)
        return Digits(levels, boundaries.reshape(*self._shape, -1))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def work(weights: Path, way: Way) -> None:
    """Answer requests on the standard input: what a process of ours runs."""
    torch.set_num_threads(way.threads)
    sampler = Sampler(pixelcnn.load(weights))
    for line in sys.stdin:
        request = json.loads(line)
        with _others(sampler) if way.beside else nullcontext():
            answer = _draw(sampler, way.batch, request["seed"], freehand=request["freehand"])
        print(json.dumps(answer), flush=True)


@contextmanager
def _others(sampler: Sampler) -> Iterator[None]:
    """Meanwhile draw digits that nobody asked for, one batch after the other."""
    stop = threading.Event()

    def draw() -> None:
        seed = 0
        while not stop.is_set():
            sampler.generate(1 + seed % 5, seed=seed)
            seed += 1

    other = threading.Thread(target=draw)
    other.start()
    try:
        yield
    finally:
        stop.set()
        other.join()


@torch.inference_mode()
def _draw(sampler: Sampler, batch: int, seed: int, *, freehand: bool) -> dict[str, str]:
    """The digits of a chunk, some at a time, and the boundaries by which they were drawn."""
    model, classes = sampler.model, sampler.model.config.num_classes
    numbers = uniforms(model, seed)
    label = torch.arange(CHUNK) % classes if classes else None
    whole = Draft(
        levels=torch.zeros(numbers.shape, dtype=torch.long),
        uniforms=numbers,
        condition=model.condition(label, freehand, CHUNK),
    )
    drawn = join([sampler.draw(part) for part in _parts(whole, batch)])
    boundaries = model.likelihood.cdf(drawn.logits)
    return {"levels": _base64(drawn.levels.byte()), "boundaries": _base64(boundaries)}


def _parts(whole: Draft, batch: int) -> Iterator[Draft]:
    """Drafts of so many digits each; the last may have fewer."""
    pieces = whole.levels.split(batch), whole.uniforms.split(batch)
    conditions = (
        [None] * len(pieces[0]) if whole.condition is None else whole.condition.split(batch)
    )
    for levels, uniforms, condition in zip(*pieces, conditions, strict=True):
        yield Draft(levels=levels, uniforms=uniforms, condition=condition)


def _base64(values: Tensor) -> str:
    return base64.b64encode(values.contiguous().numpy().tobytes()).decode()


if __name__ == "__main__":
    main()
