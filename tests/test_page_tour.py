"""The tour: six steps that point at live parts of the page, taken only by those who ask for it."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.page_browser import devices, stroke, wait_for_completions

pytestmark = pytest.mark.browser

# What each step points at, and the view that it is in.
STEPS = [
    (".pad", "draw"),
    (".pad-frame .divider", "draw"),
    (".completions", "draw"),
    (".posterior", "draw"),
    ("#tab-sample", "draw"),
    ("#tab-how", "how"),
]


def panel(page):
    return page.get_by_role("dialog")


def surrounds(page, selector):
    """Whether the ring is around something, and that is on the screen."""
    ring = page.locator(".tour-ring").bounding_box()
    box = page.locator(selector).bounding_box()
    assert ring["x"] <= box["x"] + 1
    assert ring["y"] <= box["y"] + 1
    assert ring["x"] + ring["width"] >= box["x"] + box["width"] - 1
    assert ring["y"] + ring["height"] >= box["y"] + box["height"] - 1
    assert -1 <= box["y"] < page.viewport_size["height"]


@devices
def test_six_steps_point_at_live_parts(visit, device):
    page = visit(motion="reduce", **device)
    wait_for_completions(page)
    expect(panel(page)).to_have_count(0)
    page.get_by_role("button", name="Take the tour").click()
    for number, (selector, view) in enumerate(STEPS, 1):
        expect(panel(page)).to_contain_text(f"{number} of 6")
        expect(page.locator(f"#view-{view}")).to_be_visible()
        surrounds(page, selector)
        assert page.evaluate("new URLSearchParams(location.search).get('tour')") == str(number)
        shown = panel(page).bounding_box()
        assert shown["x"] >= 0
        assert shown["x"] + shown["width"] <= device["width"]
        assert shown["y"] + shown["height"] <= 900
        name = "Next" if number < 6 else "Done"
        expect(panel(page).get_by_role("button", name=name)).to_be_focused()
        page.keyboard.press("Enter")
    expect(panel(page)).to_have_count(0)
    expect(page.locator(".tour-ring")).to_have_count(0)
    assert "tour" not in page.url


def test_what_it_points_at_can_be_tried(visit):
    page = visit("tour=1")
    expect(panel(page)).to_have_attribute("aria-modal", "false")
    expect(page.get_by_role("dialog", name="Draw here")).to_be_visible()
    stroke(page, [(8, 6), (14, 3), (19, 6)])
    wait_for_completions(page)
    expect(page.locator(".inviting")).to_have_count(0)
    expect(panel(page)).to_be_visible()


def test_it_is_left_by_escape_or_a_button_and_the_focus_goes_back(visit):
    page = visit()
    opener = page.get_by_role("button", name="Take the tour")
    for leave in (
        lambda: page.keyboard.press("Escape"),
        lambda: panel(page).get_by_role("button", name="Leave the tour").click(),
    ):
        opener.focus()
        page.keyboard.press("Enter")
        expect(panel(page).get_by_role("button", name="Next")).to_be_focused()
        page.keyboard.press("Enter")
        expect(panel(page)).to_contain_text("2 of 6")
        leave()
        expect(panel(page)).to_have_count(0)
        expect(opener).to_be_focused()


def test_a_link_and_back_come_to_their_step(visit):
    page = visit("tour=3", motion="reduce")
    expect(panel(page)).to_contain_text("3 of 6")
    surrounds(page, ".completions")
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator(".notice")).to_contain_text("clipboard")
    assert "tour=3" in page.evaluate("navigator.clipboard.readText()")
    for _ in range(3):
        panel(page).get_by_role("button", name="Next").click()
    expect(page.locator("#view-how")).to_be_visible()
    page.reload()
    expect(panel(page)).to_contain_text("6 of 6")
    expect(page.locator("#view-how")).to_be_visible()
    page.go_back()
    expect(panel(page)).to_contain_text("5 of 6")
    expect(page.locator("#view-draw")).to_be_visible()
    panel(page).get_by_role("button", name="Back").click()
    expect(panel(page)).to_contain_text("4 of 6")


BROKEN = ["tour=99&model=residual", "tour=x", "tour=0", "tour=-1", "tour=2&only=draw"]


@pytest.mark.parametrize("query", BROKEN)
def test_a_broken_link_opens_the_page(visit, query):
    page = visit(query)
    wait_for_completions(page)
    expect(panel(page)).to_have_count(int("99" in query))  # beyond the end is the end


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 375])
def test_axe_finds_no_serious_fault_in_it(visit, scheme, width):
    page = visit("tour=2", scheme=scheme, width=width, motion="reduce")
    wait_for_completions(page)
    expect(panel(page)).to_be_visible()
    faults = Axe().run(page, context=".pixelcnn").response["violations"]
    found = [(f["id"], f["nodes"][0]["html"]) for f in faults]
    assert [
        each
        for each, f in zip(found, faults, strict=True)
        if f["impact"] in ("serious", "critical")
    ] == []
