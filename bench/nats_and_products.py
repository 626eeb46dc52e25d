"""`python -m bench.nats_and_products`: the table of `docs/smaller-network.md` as a picture beside it."""

from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE, PICTURE = DOCS / "smaller-network.md", DOCS / "nats-and-products.png"
BUDGET = 1.8  # G multiply-adds of an answer


@dataclass(frozen=True)
class Run:
    """One line of the table."""

    condition: str  # where the class enters
    optimizer: str
    nats: float
    answer: float  # G multiply-adds of eight completions and of the posterior


def read_runs(page: str) -> list[Run]:
    """The lines of the table of runs.

    Args:
        page: in Markdown.

    Raises:
        ValueError: if there are none, or a figure is no number.
    """
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines()]
    runs = [
        Run(condition, optimizer, float(nats), float(completions) + float(posterior))
        for _, condition, optimizer, nats, _, completions, posterior in (
            line for line in lines if len(line) == 7 and line[3] not in ("nats", "---")
        )
    ]
    if not runs:
        raise ValueError("The page has no table of runs.")
    return runs


def main() -> None:
    """Draw the picture."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    runs = read_runs(PAGE.read_text(encoding="utf-8"))
    for optimizer, colour in (("AdamW", "#2b6cb0"), ("Muon", "#dd6b20")):
        for condition, marker in (("everywhere", "o"), ("horizontal stack", "v")):
            some = [
                r for r in runs if r.optimizer.startswith(optimizer) and r.condition == condition
            ]
            if some:
                points = [r.answer for r in some], [r.nats for r in some]
                axes.plot(*points, marker, color=colour, label=f"{optimizer}, class {condition}")
    axes.axvline(BUDGET, color="#999", linestyle=":")
    axes.set_xlabel("G multiply-adds of eight completions and the posterior (dotted: the budget)")
    axes.set_ylabel("nats per image after 600 steps of 16")
    axes.set_xlim(left=0)
    axes.legend(frameon=False)
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
