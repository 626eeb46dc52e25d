"""The same page in Gradio: by the engine in the browser, and by the server where it cannot run."""

import pytest
from playwright.sync_api import expect

import pixelcnn
from tests.page_browser import devices, note_tasks, stroke, wait_for_completions
from tests.page_server import static_url, tiny_models

pytestmark = pytest.mark.browser

SEVEN = [(8, 6), (14, 3), (19, 6), (14, 12)]


@devices
def test_the_page_in_gradio_computes_in_the_browser(visit, device):
    page = visit("view=draw&seed=4", gradio=True, **device)
    asked = note_tasks(page)
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    stroke(page, SEVEN)
    wait_for_completions(page)
    expect(page.locator(".completions .digit:enabled")).to_have_count(8)
    page.get_by_role("button", name="Completion 1,").click()
    expect(page.locator(".watch-explained")).to_contain_text("in all")
    assert {task["kind"] for task in asked()} == {"read", "draw"}
    assert not [url for url in requests if "component_server" in url]
    expect(page.locator(".standing-notice")).to_be_hidden()
    page.get_by_text("Greys").click()
    page.get_by_role("tab", name="Sample").click()
    expect(page.locator(".samples .digit")).to_have_count(16)
    page.get_by_text("Binary").click()
    page.get_by_role("tab", name="How it works").click()
    expect(page.locator(".stepper .phases")).to_contain_text("earlier pixels")
    page.get_by_role("button", name="Take the tour").click()
    expect(page.get_by_role("dialog", name="Draw here")).to_be_visible()


def test_without_simd_the_server_draws_and_the_page_says_so(visit, no_simd):
    page = visit("view=sample&count=3&seed=5&label=7", gradio=True)
    sentence = "lacks WebAssembly SIMD, so the server draws the digits"
    expect(page.locator(".standing-notice")).to_contain_text(sentence)
    expect(page.locator(".samples")).to_have_attribute("data-seed", "5")
    drawn = pixelcnn.generate(tiny_models()["binary"], 3, label=7, seed=5)
    nats = [f"{-each:.0f} nats" for each in drawn.log_prob.sum((1, 2, 3)).tolist()]
    expect(page.locator(".samples .caption")).to_have_text(nats)
    page.get_by_role("tab", name="Draw").click()
    stroke(page, SEVEN)
    wait_for_completions(page)
    expect(page.locator(".completions .digit:enabled")).to_have_count(8)
    with page.expect_request(lambda request: '"temperature":0,' in (request.post_data or "")):
        page.get_by_role("slider", name="Temperature").fill("0")
    expect(page.locator(".draw-explained")).to_contain_text("nearly always paper")
    page.get_by_role("button", name="Completion 1,").click()
    expect(page.locator(".watch-explained")).to_contain_text("in all")
    expect(page.locator(".readout")).to_contain_text("row")
    page.get_by_role("tab", name="How it works").click()
    expect(page.locator(".how-notice")).to_contain_text("need the model in your browser")
    expect(page.locator(".sight-words")).to_contain_text("blind spot")


def test_without_simd_and_a_server_the_page_says_what_to_do(tab, no_simd):
    tab.goto(f"{static_url()}/web/")
    sentence = "lacks WebAssembly SIMD, which the model needs: update it"
    expect(tab.locator(".standing-notice")).to_contain_text(sentence)
