"""What comes from others is named with its licence in LICENSES.md."""

import re
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LISTED = (ROOT / "LICENSES.md").read_text(encoding="utf-8")
# What a repository of code does not have by itself.
FOREIGN = {
    ".ttf",
    ".otf",
    ".woff",
    ".woff2",
    ".wasm",
    ".safetensors",
    ".so",
    ".whl",
    ".ckpt",
    ".pt",
}


def listed(path):
    """Whether the first column of a table names a file, or a folder of it."""
    names = re.findall(r"^\| `([^`]+)` \|", LISTED, re.MULTILINE)
    return any(path.match(name) or path.is_relative_to(name) for name in names)


def files():
    """All files of the repository that git would take."""
    return [
        path.relative_to(ROOT)
        for folder in ("web", "weights", "tests", "docs", "examples", "pixelcnn", "bench")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]


def test_every_vendored_folder_is_listed_and_has_its_licence():
    folders = [path for path in (ROOT / "web" / "vendor").iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        assert listed(folder.relative_to(ROOT)), folder
        text = (folder / "LICENSE").read_text(encoding="utf-8")
        assert "Copyright" in text, folder


def test_every_binary_and_font_is_listed():
    found = [path for path in files() if path.suffix in FOREIGN]
    assert found
    assert [path for path in found if not listed(path)] == []


def test_every_requirement_is_listed():
    lines = [
        line
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
        if not line.startswith("-r")
    ]
    names = {Requirement(line).name for line in lines}
    assert names == set(re.findall(r"^\| `([a-z0-9-]+)` \|", LISTED, re.MULTILINE))
