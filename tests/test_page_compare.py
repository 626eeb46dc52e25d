"""Two models beside each other, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

import pixelcnn
from tests.page_browser import devices, stroke, wait_for_completions
from tests.page_server import tiny_models

pytestmark = pytest.mark.browser

SEVEN = [(8, 6), (14, 3), (19, 6), (14, 12)]
RIVAL = ".rival .completions"
OWN = "#view-draw .completions:not(.rival *)"


def wait_for_both(page):
    """Until either model has completed what is on the pad."""
    wait_for_completions(page)
    page.wait_for_function(
        "rival => document.querySelector(rival)?.dataset.version"
        " === document.querySelector('.pad').dataset.version",
        arg=RIVAL,
    )


def compare_with(page, name):
    page.locator("[name=compare]:visible").select_option(name)


@devices
def test_a_drawing_is_completed_by_two_models(visit, device):
    page = visit("seed=4", **device)
    fetched = []
    page.on("request", lambda request: fetched.append(request.url))
    stroke(page, SEVEN)
    wait_for_completions(page)
    own, rival = page.locator(f"{OWN} .caption"), page.locator(f"{RIVAL} .caption")
    before = own.all_inner_texts()
    assert not [url for url in fetched if re.search("residual|rival", url)]  # nothing unasked
    compare_with(page, "Residual")
    wait_for_both(page)
    assert [url for url in fetched if "residual/model.safetensors" in url]
    assert own.all_inner_texts() == before
    beside = rival.all_inner_texts()
    assert len(beside) == 8
    assert beside != before
    # The other way round they change places: the same drawing, by the same seed.
    page.locator("[name=model][value=residual]").check(force=True)
    expect(page.locator("#view-draw [name=compare]")).to_have_value("binary")
    expect(own).to_have_text(beside)
    expect(rival).to_have_text(before)
    page.locator(".pad").scroll_into_view_if_needed()
    stroke(page, [(5, 2), (23, 2)])
    wait_for_both(page)
    expect(rival).not_to_have_text(before)
    compare_with(page, "no other model")
    expect(page.locator(".rival:visible")).to_have_count(0)


def test_a_digit_of_the_other_model_is_watched_as_its_own(visit):
    page = visit("seed=4&compare=gray")
    stroke(page, SEVEN)
    wait_for_both(page)
    page.locator(f"{RIVAL} .digit").nth(1).click()
    expect(page.locator("#view-watch")).to_be_visible()
    expect(page.get_by_label("Greys")).to_be_checked()
    expect(page.locator(".readout")).to_contain_text("of 3")
    page.go_back()
    expect(page.get_by_label("Binary")).to_be_checked()
    wait_for_both(page)
    expect(page.locator("#view-draw .rival-name")).to_have_text("Greys")
    expect(page.locator("#view-draw .rival .posterior")).to_be_hidden()  # it knows no digits


@pytest.mark.parametrize("gradio", [False, True])
def test_a_seed_is_sampled_by_two_models(visit, gradio):
    page = visit("view=sample&count=3&seed=5&label=7&compare=residual", gradio=gradio)
    for place, name in ((".samples:not(.rival *)", "binary"), (".rival .samples", "residual")):
        expect(page.locator(place)).to_have_attribute("data-seed", "5")
        drawn = pixelcnn.generate(tiny_models()[name], 3, label=7, seed=5)
        nats = [f"{-each:.0f} nats" for each in drawn.log_prob.sum((1, 2, 3)).tolist()]
        expect(page.locator(f"{place} .caption")).to_have_text(nats)
    compare_with(page, "Greys")
    expect(page.locator("#view-sample .rival")).to_contain_text("knows no digits by name")
    expect(page.locator(".rival .samples")).to_have_attribute("data-seed", "5")


def test_without_simd_the_server_answers_for_both(visit, no_simd):
    page = visit("seed=4&compare=residual", gradio=True)
    stroke(page, SEVEN)
    wait_for_both(page)
    assert len(page.locator(f"{RIVAL} .digit:enabled").all()) == 8
    page.get_by_role("tab", name="Sample").click()
    compare_with(page, "Residual")
    expect(page.locator(".rival .samples")).to_have_attribute("data-seed", re.compile("."))


def test_a_model_that_cannot_be_fetched_is_waited_for(visit, tab):
    tab.route("**/residual/config.json", lambda route: route.abort())
    page = visit("seed=4", forgive=re.compile("Failed to load resource"))
    stroke(page, SEVEN)
    wait_for_completions(page)
    trouble = page.locator(".trouble")
    compare_with(page, "Residual")
    expect(trouble).to_contain_text("The model residual cannot be fetched")
    compare_with(page, "no other model")
    expect(trouble).to_be_hidden()
    compare_with(page, "Residual")
    expect(trouble).to_be_visible()
    tab.unroute_all()
    page.get_by_role("button", name="Try now").click()
    wait_for_both(page)
