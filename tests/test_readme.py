"""What the README says, as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_python_block_runs_as_it_stands(monkeypatch):
    monkeypatch.chdir(ROOT)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    names = {}
    exec(code, names)
    model, samples, completions = names["model"], names["s"], names["c"]
    shape = re.search(r"s\.levels  # \((.*?)\)", code)[1]
    assert samples.levels.shape == tuple(map(int, shape.split(", ")))
    assert samples.label.unique().tolist() == [7]
    assert completions.levels.shape == (8, 1, 28, 28)
    left = names["left"]
    assert (completions.levels[..., left] == samples.levels[:1, ..., left]).all()
    assert 1 <= completions.importance.effective_sample_size <= 32
    assert model.log_prob(samples.levels).shape == samples.levels.shape


PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in ROOT.glob("docs/*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_what_is_linked_is_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", text):
        assert ((ROOT / page).parent / target).exists(), target


def test_the_map_names_every_module():
    """The last section of the architecture tells of each module by its name."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    tree = text[text.index("## The modules") :]
    folders = [ROOT / "pixelcnn", *(ROOT / "pixelcnn").glob("*/")]
    modules = {
        path.stem
        for folder in folders
        if folder.name not in ("ui", "__pycache__")
        for path in folder.glob("*.py")
        if path.stem != "__init__"
    }
    missing = {name for name in modules if not re.search(rf"\b{name}\b", tree)}
    assert missing == set()
