"""`pip install .`: what it needs, and what it brings."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.lowest import lowest

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]


def test_requirements_pin_what_the_package_depends_on():
    pins = [Requirement(line) for line in (ROOT / "requirements.txt").read_text().splitlines()]
    wanted = {each.name: each for each in map(Requirement, PROJECT["dependencies"])}
    assert {pin.name for pin in pins} == wanted.keys()
    for pin in pins:
        (exact,) = pin.specifier
        assert exact.operator == "=="
        assert wanted[pin.name].specifier.contains(exact.version), pin


def test_every_range_has_a_lowest_version_below_the_pinned_one():
    pins = [Requirement(line) for line in (ROOT / "requirements.txt").read_text().splitlines()]
    pinned = {pin.name: Version(next(iter(pin.specifier)).version) for pin in pins}
    lows = [Requirement(line) for line in lowest()]
    assert {low.name for low in lows} == pinned.keys()
    for low in lows:
        (exact,) = low.specifier
        assert Version(exact.version) <= pinned[low.name], low


def test_every_extra_asks_for_the_versions_that_the_package_allows():
    wanted = {each.name: each.specifier for each in map(Requirement, PROJECT["dependencies"])}
    extras = PROJECT["optional-dependencies"]
    assert extras
    for extra in (Requirement(text) for texts in extras.values() for text in texts):
        assert extra.specifier == wanted[extra.name]


def test_every_package_of_the_source_is_listed():
    inside = {path.parent for path in (ROOT / "pixelcnn").rglob("__init__.py")}
    names = {".".join(folder.relative_to(ROOT).parts) for folder in inside}
    assert names | {"pixelcnn.web", "pixelcnn.weights"} == set(
        PYPROJECT["tool"]["setuptools"]["packages"]
    )


PROBE = """
import importlib.metadata, json, pathlib
import pixelcnn
from pixelcnn.store.names import WEIGHTS, bundled

distribution = importlib.metadata.distribution("pixelcnn")
commands = {entry.name: callable(entry.load()) for entry in distribution.entry_points}
models = {name: pixelcnn.load(name) for name in bundled()}
print(json.dumps({
    "package": str(pathlib.Path(pixelcnn.__file__).parent),
    "commands": commands,
    "weights": str(WEIGHTS),
    "models": list(models),
    "passes": pixelcnn.generate(models["binary"], 1, seed=0).passes,
}))
"""


@pytest.mark.slow
def test_an_installed_package_has_its_commands_its_page_and_its_models(tmp_path):
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("pixelcnn", "web", "weights"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    # The build backend is here, as torch depends on it: nothing is downloaded.
    install = ["install", "-q", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", *install, str(source)], check=True)

    brought = {p.relative_to(site) for p in site.rglob("*") if p.is_file()}
    expected = {p.relative_to(source) for p in (source / "pixelcnn").rglob("*") if p.is_file()}
    assert Path("pixelcnn/py.typed") in expected
    page = {p for p in (source / "web").rglob("*") if p.suffix not in (".py", ".c", ".h", ".md")}
    expected |= {"pixelcnn" / p.relative_to(source) for p in page if p.is_file()}
    assert Path("pixelcnn/web/engine/engine.wasm") in expected
    assert expected <= brought

    answer = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r})\n{PROBE}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    facts = json.loads(answer.stdout)
    assert facts["package"] == str(site / "pixelcnn")
    assert facts["weights"] == str(site / "pixelcnn" / "weights")
    assert facts["commands"] == dict.fromkeys(PROJECT["scripts"], True)
    assert facts["models"] == ["binary", "gray", "residual"]
    assert facts["passes"] > 0
