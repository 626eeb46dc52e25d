"""What the page makes of workers that die and of files that are damaged, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.page_browser import ink, stroke, wait_for_completions
from tests.page_server import models_folder, static_url

pytestmark = pytest.mark.browser

SEVEN = [(8, 6), (14, 3), (19, 6), (14, 12)]

KILL = """() => {
  window.killed = window.made = 0;
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message) {
    post.call(this, message);
    if (message.kind === "draw" && window.killed === 0) {
      window.killed++;
      this.terminate(); // without a word, as a browser short of memory does it
    }
  };
  window.Worker = class extends Worker {
    constructor(...options) {
      super(...options);
      window.made++;
    }
  };
}"""


def test_a_worker_that_dies_in_mid_answer_is_replaced_and_the_drawing_kept(visit):
    page = visit()
    wait_for_completions(page)
    page.evaluate(KILL)
    stroke(page, SEVEN)
    drawn = ink(page)
    page.wait_for_function("window.killed === 1")
    page.wait_for_function("window.made === 1")  # after ten seconds of silence
    wait_for_completions(page)
    expect(page.locator(".completions .digit:enabled")).to_have_count(8)
    assert ink(page) == drawn
    stroke(page, [(3, 3), (3, 6)])
    wait_for_completions(page)


@pytest.mark.parametrize(
    ("name", "damage", "sentence"),
    [
        ("config.json", lambda data: data[:40], "config.json is not JSON."),
        (
            "config.json",
            lambda data: data.replace(b'"levels": 2', b'"levels": 2000'),
            "levels must be",
        ),
        (
            "model.safetensors",
            lambda data: data[:-4],
            "The weights hold another model than the config",
        ),
        (
            "model.safetensors",
            lambda data: b"<!doctype html>",
            "The weights are damaged or not safetensors",
        ),
        ("model.safetensors", lambda data: b"", "The weights are not safetensors"),
        ("typicality.json", lambda data: b"[", "typicality.json is not JSON."),
        ("typicality.json", lambda data: b"{}", "typicality.json is damaged, or another model's."),
    ],
)
def test_a_damaged_file_is_told_in_a_sentence_and_other_models_go_on(tab, name, damage, sentence):
    data = (models_folder() / "binary" / name).read_bytes()
    tab.route(f"**/binary/{name}", lambda route: route.fulfill(body=damage(data)))
    try:
        tab.goto(f"{static_url()}/web/")
        expect(tab.locator(".notice")).to_contain_text(sentence)
        if name == "config.json":  # the page does not know how large its pad is
            tab.goto(f"{static_url()}/web/?model=gray")
            tab.wait_for_selector(".pixelcnn [role=tab][aria-selected=true]")
        elif name != "typicality.json":  # without which the model draws
            tab.get_by_text("Greys").click()
        stroke(tab, SEVEN)
        wait_for_completions(tab)
        expect(tab.locator(".completions .digit:enabled")).to_have_count(8)
    finally:
        tab.unroute_all()


@pytest.mark.parametrize("name", ["metrics.json", "log.jsonl", "training.json"])
def test_a_damaged_record_is_told_in_a_sentence(tab, visit, name):
    tab.route(f"**/binary/{name}", lambda route: route.fulfill(body="{"))
    page = visit("view=how")
    page.locator("summary", has_text="binary, in use").click()
    expect(page.locator(".notice")).to_contain_text(f"{name} is not JSON.")
    tab.unroute_all()
