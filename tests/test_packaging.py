"""`pip install .`: what it needs, and what it brings."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import pixelcnn
from tests.lowest import lowest
from tests.page_names import named

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
EXTRAS = {
    name: list(map(Requirement, texts)) for name, texts in PROJECT["optional-dependencies"].items()
}
WANTED = {each.name: each for each in map(Requirement, PROJECT["dependencies"])}
WANTED |= {each.name: each for extra in EXTRAS.values() for each in extra}


def test_requirements_pin_what_the_package_depends_on():
    pins = [Requirement(line) for line in (ROOT / "requirements.txt").read_text().splitlines()]
    assert {pin.name for pin in pins} == WANTED.keys()
    for pin in pins:
        (exact,) = pin.specifier
        assert exact.operator == "=="
        assert WANTED[pin.name].specifier.contains(exact.version), pin


def test_every_range_has_a_lowest_version_below_the_pinned_one():
    pins = [Requirement(line) for line in (ROOT / "requirements.txt").read_text().splitlines()]
    pinned = {pin.name: Version(next(iter(pin.specifier)).version) for pin in pins}
    lows = [Requirement(line) for line in lowest()]
    assert {low.name for low in lows} == pinned.keys()
    for low in lows:
        (exact,) = low.specifier
        assert Version(exact.version) <= pinned[low.name], low


def test_extras_that_share_a_package_ask_for_the_same_versions():
    for each in (each for extra in EXTRAS.values() for each in extra):
        assert each.specifier == WANTED[each.name].specifier
    assert {each.name for each in map(Requirement, PROJECT["dependencies"])} == {
        "numpy",
        "safetensors",
        "torch",
    }


IMPORTED = {"app": ["gradio", "gradio_client", "starlette"], "hub": ["huggingface_hub", "httpx2"]}
IMPORTED |= {"train": ["matplotlib", "PIL", "torchvision", "tqdm"]}
CORE = """
import sys
for name in {absent}:
    sys.modules[name] = None  # as where it is not installed
import pixelcnn
model = pixelcnn.load("binary")
samples = pixelcnn.generate(model, 1, label=3, seed=0)
pixelcnn.complete(model, samples.levels, rows=14, count=1, seed=0)
pixelcnn.digit_posterior(model, samples.levels, rows=14)
pixelcnn.typicality(model, samples.levels, rows=14)
model.log_prob(samples.levels)
from pixelcnn import commands
sys.argv = ["command", *{arguments}]
{command}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "command", "arguments"),
    [
        ("app", "commands.app()", []),
        ("hub", 'pixelcnn.load("hf://someone/model")', []),
        ("hub", "commands.train()", ["--push-only", "nowhere", "--push-to-hub", "a/b"]),
        ("train", "commands.train()", []),
        ("train", "commands.evaluate()", ["binary"]),
        ("train", "commands.calibrate()", ["binary"]),
    ],
)
def test_the_library_needs_no_extra_and_what_needs_one_says_which(extra, command, arguments):
    absent = (
        IMPORTED[extra]
        if "push" in str(arguments)
        else [name for names in IMPORTED.values() for name in names]
    )
    code = CORE.format(absent=absent, arguments=arguments, command=command)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.endswith(f"add the extra {extra}, by pip install '.[{extra}]' in a clone.")
    if "commands" in command:
        assert ended.stderr.count("\n") == 1  # and no traceback


def test_the_version_is_one():
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {pixelcnn.__version__}\n" in citation.replace('"', "")


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
    "version": [pixelcnn.__version__, distribution.version],
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
    named_files = {name for name in named()[0] if name.startswith(("web/", "weights/"))}
    assert named_files == {name for name in named_files if Path("pixelcnn") / name in brought}

    answer = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r})\n{PROBE}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    facts = json.loads(answer.stdout)
    assert facts["version"] == [pixelcnn.__version__] * 2
    assert facts["package"] == str(site / "pixelcnn")
    assert facts["weights"] == str(site / "pixelcnn" / "weights")
    assert facts["commands"] == dict.fromkeys(PROJECT["scripts"], True)
    assert facts["models"] == ["binary", "gray", "residual"]
    assert facts["passes"] > 0

    command = [sys.executable, "-m", "pixelcnn.space", "someone/digits", "--dry-run", "folder"]
    options = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": str(site)}}
    ended = subprocess.run(command, capture_output=True, text=True, **options)
    assert ended.returncode == 1
    assert ended.stderr.endswith("run this command in a clone.\n")
    assert ended.stderr.count("\n") == 1
