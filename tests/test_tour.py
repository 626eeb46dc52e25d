"""`examples/tour.ipynb` runs from top to bottom, and says what is true."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CELLS = json.loads((ROOT / "examples/tour.ipynb").read_text(encoding="utf-8"))["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


@pytest.mark.slow
def test_the_tour_runs_from_top_to_bottom(monkeypatch, capsys):
    monkeypatch.chdir(ROOT / "examples")
    monkeypatch.syspath_prepend(ROOT)  # undone at the end, as is what the first cell does
    names = {}
    for number, code in enumerate(CODE):
        exec(compile(code, f"cell {number}", "exec"), names)
    printed = capsys.readouterr().out
    assert "512 images, total probability 1.000000" in printed
    *_, before, row, after = [line.split() for line in printed.splitlines()[-9:]][:7]
    assert before == ["#"] * 9
    assert row == ["#"] * 4 + ["o"] + ["."] * 4
    assert after == ["."] * 9
    assert names["samples"].label.unique().tolist() == [7]


def test_the_tour_is_committed_without_outputs():
    assert CODE
    assert all(not cell["outputs"] for cell in CELLS if cell["cell_type"] == "code")
