"""`python -m bench.arithmetic WEIGHTS ...`: multiply-adds of a digit, of completions and of a posterior.

Counted from the config of a gated model, for images of one channel, by these rules. The vertical stack runs
once a row, the horizontal one once a pass. A digit takes 24 rows and 54 passes, as its blank rows are looked
up. Each of eight completions of a top of 14 rows takes 14 rows and 34 passes. The posterior of such a top
runs both stacks over 14 rows for each class, and once more as what is no digit where `typicality.json` has
that; the vertical blocks that do not know the class run once for all. Prints a table and ends in one JSON
line.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from pixelcnn.config import ModelConfig
from pixelcnn.density.likelihood import make_likelihood
from pixelcnn.density.networks import GatedNetwork
from pixelcnn.density.reference import Reference
from pixelcnn.refusals import one_sentence
from pixelcnn.store.folder import CONFIG, TYPICALITY, locate

DIGIT_ROWS, DIGIT_PASSES = 24, 54
TOP_ROWS, COMPLETIONS, COMPLETION_PASSES = 14, 8, 34


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """Multiply-adds of one pixel."""

    shared: int  # of the vertical stack, before the first block that knows the class
    vertical: int  # of the whole vertical stack, with what the horizontal one reads of it
    horizontal: int  # of the horizontal stack and the head

    def digit(self, width: int) -> int:
        """Of a digit."""
        return width * (DIGIT_ROWS * self.vertical + DIGIT_PASSES * self.horizontal)

    def completions(self, width: int) -> int:
        """Of eight completions."""
        one = width * (TOP_ROWS * self.vertical + COMPLETION_PASSES * self.horizontal)
        return COMPLETIONS * one

    def posterior(self, width: int, conditions: int) -> int:
        """Of the posterior of a top, read as so many conditions."""
        each = self.vertical - self.shared + self.horizontal
        return width * TOP_ROWS * (self.shared + conditions * each)


def count(config: ModelConfig) -> Arithmetic:
    """Count the products of a gated network.

    Raises:
        ValueError: if the model is of another architecture.
    """
    if config.architecture != "gated":
        raise ValueError(f"Only gated models are counted, got {config.architecture}.")
    d, e, channels = config.inner_dim, config.horizontal_dim, config.in_channels
    reach, left = GatedNetwork.REACH, GatedNetwork.LEFT
    first = reach * (2 * reach + 1) * channels * d
    block = 6 * d * 2 * d + d * d  # the kernel, A
    links = len(config.horizontal_dilations) * d * 2 * e
    out = channels * make_likelihood(config.likelihood, config.levels).parameters
    head = e * 2 * e + 2 * e * out
    return Arithmetic(
        shared=first + config.class_from * block,
        vertical=first + len(config.dilations) * block + links,
        horizontal=left * channels * e
        + len(config.horizontal_dilations) * (2 * e * 2 * e + e * e)
        + head,
    )


def main() -> None:
    """Print a table, and one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", nargs="+", type=Path, help="folders with config.json")
    args = parser.parse_args()
    print(f"{'G multiply-adds':24} {'digit':>8} {'eight completions':>18} {'posterior':>10}")
    results = {}
    for folder in args.weights:
        with one_sentence():
            weights, _ = locate(folder)
            config = ModelConfig.load(weights / CONFIG)
            usual = weights / TYPICALITY
            outliers = Reference.load(usual).outliers if usual.is_file() else {}
        each = count(config)
        figures = {
            "digit": each.digit(config.width),
            "completions": each.completions(config.width),
            "posterior": each.posterior(config.width, max(1, config.num_classes) + bool(outliers)),
        }
        results[str(folder)] = figures
        giga = {name: value / 1e9 for name, value in figures.items()}
        print(
            f"{folder!s:24} {giga['digit']:8.3f} {giga['completions']:18.3f} {giga['posterior']:10.3f}"
        )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
