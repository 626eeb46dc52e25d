"""`python -m bench.sampler_pictures`: the pictures of docs/how-it-works.md, from our weights.

Follows the sampler on one digit by the dense network alone, so that it shows the idea, not the code: guess a
row, set every pixel to the inverse CDF of its uniform, repeat until nothing changes.
"""

import argparse
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

import pixelcnn

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAPER, GRID, TEXT = "#ffffff", "#d5d5d5", "#333333"
INK, CHANGED, CLEARED, SETTLED = "#1f5fa8", "#e8710a", "#fbdcc0", "#9fc3e8"
CELL, GAP, MARGIN = 14, 8, 10
FONT = 13
LEFT = 120  # of the cells; the names of the rows stand there


@torch.inference_mode()
def passes_of(model: pixelcnn.PixelCNN, label: int, seed: int) -> tuple[Tensor, list[list[Tensor]]]:
    """Sample one digit, and keep what each row was after each pass.

    Returns:
        the levels (H, W), and for each row its guess and what followed, each (W,).
    """
    c = model.config
    uniforms = torch.rand(1, 1, c.height, c.width, generator=torch.Generator().manual_seed(seed))
    levels = torch.zeros(1, 1, c.height, c.width, dtype=torch.long)
    rows = []
    for i in range(c.height):
        if i:
            levels[:, :, i] = levels[:, :, i - 1]  # the guess
        states = [levels[0, 0, i].clone()]
        while True:
            logits = model(levels, label)[:, :, i]
            levels[:, :, i] = model.likelihood.draw(logits, uniforms[:, :, i])
            states.append(levels[0, 0, i].clone())
            if states[-1].equal(states[-2]):
                break
        rows.append(states)
    return levels[0, 0], rows


def first_change(before: Tensor, after: Tensor) -> int:
    """The first column that differs; the width if none does. What is left of it is final."""
    differ = (before != after).nonzero()
    return int(differ[0]) if len(differ) else len(before)


def cells(draw: ImageDraw.ImageDraw, row: list[str], left: int, top: int) -> None:
    """A row of squares in these colours."""
    for j, colour in enumerate(row):
        corner = (left + j * CELL, top + 0)
        box = [*corner, corner[0] + CELL - 1, corner[1] + CELL - 1]
        draw.rectangle(box, fill=colour, outline=GRID)


def row_picture(levels: Tensor, rows: list[list[Tensor]], i: int) -> Image.Image:
    """The rows above row i, and below them row i after each of its passes."""
    width, states = levels.shape[1], rows[i]
    above = range(max(0, i - 7), i)
    height = 2 * MARGIN + (len(above) + len(states)) * CELL + (len(states) + 1) * GAP + 30
    sheet = Image.new("RGB", (LEFT + width * CELL + 190, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    top = MARGIN
    draw.text((MARGIN, top), "rows above", TEXT, ImageFont.load_default(FONT))
    for r in above:
        cells(draw, [INK if v else PAPER for v in levels[r].tolist()], LEFT, top)
        top += CELL
    top += 2 * GAP
    for k, state in enumerate(states):
        _state(draw, top, k, state, states[k - 1] if k else state)
        top += CELL + GAP
    return sheet


def _state(draw: ImageDraw.ImageDraw, top: int, k: int, state: Tensor, before: Tensor) -> None:
    """A row after pass k, or its guess for k = 0: what changed, what is final, and both in words."""
    font, width, changed = ImageFont.load_default(FONT), len(state), int((state != before).sum())
    pairs = zip(state.tolist(), (state == before).tolist(), strict=True)
    shown = [(INK if v else PAPER) if equal else (CHANGED if v else CLEARED) for v, equal in pairs]
    cells(draw, shown, LEFT, top)
    final = first_change(before, state)
    if changed and final:
        line = top + CELL + 2
        draw.line([LEFT, line, LEFT + final * CELL - 2, line], fill=SETTLED, width=3)
    note = f"{changed} changed" if changed else "nothing changed: final"
    draw.text((MARGIN, top - 1), f"pass {k}" if k else "the guess", TEXT, font)
    draw.text((LEFT + width * CELL + 10, top - 1), note if k else "the row above", TEXT, font)


def digit_picture(levels: Tensor, rows: list[list[Tensor]]) -> Image.Image:
    """The digit, and beside each row how many passes it took."""
    height, width = levels.shape
    most = max(len(states) for states in rows) - 1
    side = width * CELL + 2 * MARGIN
    sheet = Image.new("RGB", (side + most * CELL + 60, height * CELL + 2 * MARGIN + 24), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(FONT)
    for i, states in enumerate(rows):
        top, count = MARGIN + i * CELL, len(states) - 1
        cells(draw, [INK if v else PAPER for v in levels[i].tolist()], MARGIN, top)
        draw.rectangle([side, top + 2, side + count * CELL, top + CELL - 3], fill=CHANGED)
        draw.text((side + count * CELL + 6, top - 1), str(count), TEXT, font)
    total = sum(len(states) - 1 for states in rows)
    draw.text((MARGIN, sheet.height - 24), f"{total} row passes, for 784 pixels", TEXT, font)
    return sheet


def main() -> None:
    """Write the two pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--weights", default=str(DOCS.parent / "weights" / "binary"))
    parser.add_argument("--label", type=int, default=3)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--out", type=Path, default=DOCS)
    flags = parser.parse_args()
    levels, rows = passes_of(pixelcnn.load(flags.weights), flags.label, flags.seed)
    longest = max(range(len(rows)), key=lambda i: len(rows[i]))
    row_picture(levels, rows, longest).save(flags.out / "sampler-row.png", optimize=True)
    digit_picture(levels, rows).save(flags.out / "sampler-passes.png", optimize=True)
    print(
        f"row {longest} took {len(rows[longest]) - 1} passes, of {sum(map(len, rows)) - len(rows)}"
    )


if __name__ == "__main__":
    main()
