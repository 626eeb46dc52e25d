"""Digits that seeds have always drawn: shared links rely on them.

`python -m tests.golden_digits` writes them anew, which is right only where the weights or the rule of seeds
change.
"""

from collections.abc import Iterable
from pathlib import Path

import torch

import pixelcnn
from pixelcnn.sampling.sampler import Sampler

FOLDER = Path(__file__).parent / "golden"
WEIGHTS = Path(__file__).parents[1] / "weights"
SEEDS = {"binary": (0, 7, 1234567, 2**31), "residual": (0, 7, 1234567, 2**32 - 1)}
NAMES = tuple(SEEDS)
# What rounding does to a conditional on another machine is less.
MARGIN = 1e-5


def path(name: str) -> Path:
    """Where the digits of a model are kept."""
    return FOLDER / f"{name}.txt"


def draw(name: str) -> str:
    """One digit of each seed, in each hand that the model knows, as text."""
    model = pixelcnn.load(WEIGHTS / name)
    sampler = Sampler(model)
    lines = []
    for freehand in (False, True)[: 1 + model.config.freehand]:
        for seed in SEEDS[name]:
            samples = sampler.generate(1, seed=seed, freehand=freehand)
            label = None if samples.label is None else int(samples.label)
            lines.append(text(seed, freehand, label, samples.levels[0, 0]))
    return "".join(lines)


def text(seed: int, freehand: bool, label: int | None, levels: Iterable[Iterable[int]]) -> str:
    """One digit, (H, W) levels, as it is kept."""
    told = "" if label is None else f", class {label}"
    rows = ["".join(".#"[level] for level in row) for row in levels]
    return "\n".join([f"seed {seed}, freehand {freehand}{told}", *rows, ""])


def margin(name: str) -> float:
    """How near a uniform comes to the boundary that decides its pixel, over all digits kept."""
    model = pixelcnn.load(WEIGHTS / name)
    nearest = []
    for freehand in (False, True)[: 1 + model.config.freehand]:
        for seed in SEEDS[name]:
            samples = Sampler(model).generate(1, seed=seed, freehand=freehand)
            generator = torch.Generator().manual_seed(seed)
            uniforms = torch.rand(samples.levels.shape, generator=generator)
            nearest.append((1 - samples.expected - uniforms).abs().min())
    return float(min(nearest))


def main() -> None:
    """Write the digits of every model."""
    FOLDER.mkdir(exist_ok=True)
    for name in NAMES:
        if (near := margin(name)) < MARGIN:
            raise SystemExit(f"A uniform of {name} lies {near:.1e} from a boundary: choose others.")
        path(name).write_text(draw(name), encoding="utf-8")


if __name__ == "__main__":
    main()
