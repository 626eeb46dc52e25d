"""The same bits everywhere: in Node, in Chromium, and as they have always been.

`test_engine.py` compares Node with wasmtime, and with PyTorch.
"""

import json
from pathlib import Path

import pytest

from tests.engine import needs_node
from tests.golden_engine import BITS, WEIGHTS, by_node, folders

ROOT = Path(__file__).parents[1]
ORIGIN = "http://engine.test"  # answered from the repository, not by a network

COMPUTE = """async (folder) => {
  const [{ Engine, finish }, { golden }] = await Promise.all(
    ['/web/engine/engine.js', '/tests/engine_golden.mjs'].map((name) => import(name)));
  const bytes = async (name) => (await fetch(name)).arrayBuffer();
  const module = await WebAssembly.compile(await bytes('/web/engine/engine.wasm'));
  const config = await (await fetch(`${folder}/config.json`)).json();
  const weights = new Uint8Array(await bytes(`${folder}/model.safetensors`));
  return golden(new Engine(module, config, weights), finish);
}"""

FOLDERS = folders() | {path.parent.name: path.parent for path in WEIGHTS.glob("*/config.json")}
models = pytest.mark.parametrize("name", FOLDERS)


@pytest.fixture
def compute(tab):
    """What the engine computes in Chromium."""

    def answer(route):
        path = ROOT / route.request.url.removeprefix(f"{ORIGIN}/")
        if path.is_file():
            route.fulfill(path=path)
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    tab.route(f"{ORIGIN}/**", answer)
    tab.goto(f"{ORIGIN}/")
    yield lambda folder: tab.evaluate(COMPUTE, f"/{folder.relative_to(ROOT).as_posix()}")
    tab.unroute(f"{ORIGIN}/**")


@needs_node
@pytest.mark.browser
@models
def test_chromium_computes_the_bits_that_node_does(compute, name):
    assert compute(FOLDERS[name]) == by_node(FOLDERS[name])


@needs_node
@pytest.mark.parametrize("name", folders())
def test_the_bits_are_those_that_are_kept(name):
    bits = json.loads(BITS.read_text(encoding="utf-8"))
    assert by_node(folders()[name]) == bits[name]
