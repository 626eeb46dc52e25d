"""One's own models on the page: served and written by `python -m pixelcnn.page`, and in Gradio."""

import contextlib
import functools
import io
import os
import re
import signal
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from bench.page_server import ROOT, app, files
from pixelcnn import page
from pixelcnn.store.folder import save
from pixelcnn.store.shown import find_shown
from pixelcnn.training import command as train
from tests.page_browser import stroke, wait_for_completions
from tests.page_server import START_LIMIT_S, tiny_models
from tests.toys import toy_config, wild_model

SMALL = ["--epochs", "1", "--inner_dim", "4", "--dilations", "1", "--horizontal_dilations", "1"]
SMALL += ["--horizontal-dim", "4", "--batch-size", "8", "--precision", "fp32"]


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A run on images of one's own, of 12x10 pixels and three classes; a model; and what cannot be shown."""
    place = tmp_path_factory.mktemp("mine")
    greys = np.where(np.random.default_rng(0).random((40, 12, 10)) < 0.3, 255, 0).astype(np.uint8)
    np.savez(place / "data.npz", greys, np.array(["dot", "plus", "x", "x"] * 10))
    out = ["--out", str(place / "models" / "run #1"), "--class-conditional"]
    with contextlib.redirect_stdout(io.StringIO()):
        train.main(["--data", str(place / "data.npz"), *out, *SMALL])
    save(tiny_models()["gray"], place / "models" / "Größe 50%")
    coloured = wild_model(toy_config(in_channels=3), dtype=torch.float32)
    save(coloured, place / "models" / "coloured")
    return place / "models"


def test_names_can_be_part_of_an_address_and_differ(tmp_path):
    model = wild_model(toy_config(), dtype=torch.float32)
    for name in ("a b", "a#b", "цифры", "numbers.v1"):
        save(model, tmp_path / "in" / name)
    folders, models, refusals = find_shown([tmp_path / "in"], tmp_path / "place")
    assert list(folders) == list(models) == ["a-b", "a-b-2", "numbers.v1", "model"]
    assert refusals == []
    for name, folder in folders.items():
        assert {"config.json", "model.safetensors", "README.md"} <= {
            p.name for p in folder.iterdir()
        }
        assert re.fullmatch(r"[\w.-]+", name, re.ASCII)


def test_the_folder_of_a_run_has_what_the_page_tells_of_it(mine, tmp_path):
    folders, _, _ = find_shown([mine / "run #1"], tmp_path)
    there = {path.name for path in folders["run-1"].iterdir()}
    assert {"training.json", "log.jsonl", "loss.png", "samples-epoch-001.png"} <= there
    assert "1 epoch from random weights" in (folders["run-1"] / "README.md").read_text()


@pytest.fixture(scope="module")
def written(mine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written") / "site"
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        page.main([str(mine), "--out", str(folder)])
    assert "those of" in told.getvalue()  # of the coloured one
    return folder


def draw(tab, model):
    """Draw on the pad of a model, and see what it makes of it."""
    stroke(tab, [(3, 3), (5, 5)])
    wait_for_completions(tab)
    expect(tab.locator(".notice")).to_have_text("")
    assert f"model={model}" in tab.url


@pytest.mark.browser
def test_the_page_shows_ones_own_models_of_any_size_and_number_of_classes(tab, written):
    with files(written) as url:
        tab.goto(f"{url}/")
        tab.wait_for_selector(".pixelcnn[data-view]")
        expect(tab.locator(".models input")).to_have_count(2)
        draw(tab, "Gr-e-50")
        tab.goto(f"{url}/?model=run-1")
        tab.wait_for_selector(".pixelcnn[data-view]")
        draw(tab, "run-1")
        expect(tab.locator(".bars [role=listitem], .bars li, .bars button").first).to_be_visible()
        tab.get_by_role("tab", name="Sample").click()
        tab.wait_for_selector(".samples canvas")
        tab.get_by_role("tab", name="How it works").click()
        expect(tab.locator("#view-how[data-seed]")).to_be_visible()
        for link in tab.locator(".ways a:not([hidden])").all():
            address = link.get_attribute("href")
            if address.startswith(url):
                with urllib.request.urlopen(address) as answer:
                    assert answer.status == 200


@pytest.mark.slow
def test_the_command_serves_until_it_is_stopped(mine):
    command = [sys.executable, "-u", "-m", "pixelcnn.page", str(mine / "run #1")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}, **pipes)
    try:
        address = re.fullmatch(
            r"run-1: (http://127\.0\.0\.1:\d+/\w{8}/web/)\n", server.stdout.readline()
        )[1]
        for name, kind in (("", "text/html"), ("js/main.js", "text/javascript")):
            with urllib.request.urlopen(address + name) as answer:
                assert answer.headers.get_content_type() == kind
        with urllib.request.urlopen(f"{address}engine/engine.wasm") as answer:
            assert answer.headers.get_content_type() == "application/wasm"
    finally:
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=30)
    assert server.returncode == 0
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere is no folder here"),
        (["--out", "."], "is not empty: give a new folder."),
        (["--port", "70000"], "cannot be listened at"),
    ],
)
def test_what_cannot_be_shown_is_told_in_one_sentence(arguments, sentence, capsys):
    with pytest.raises(SystemExit, match=re.escape(sentence)):
        page.main(arguments)


@functools.cache
def gradio_url(folder):
    stack = contextlib.ExitStack()
    variables = {"HF_HUB_OFFLINE": "1", "PIXELCNN_WEIGHTS": str(folder)}
    return stack, stack.enter_context(app(folder, variables, limit_s=START_LIMIT_S))


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_in_gradio_shows_them_too(tab, mine):
    stack, url = gradio_url(mine)
    with stack:
        tab.goto(f"{url}/?model=run-1")
        tab.wait_for_selector(".pixelcnn[data-view]")
        expect(tab.locator(".standing-notice")).to_contain_text("one channel")
        draw(tab, "run-1")
        expect(tab.locator(".models input")).to_have_count(2)
