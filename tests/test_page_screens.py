"""Every screen: from 320 pixels to a projector, by finger, on the whole screen, within another page."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.page_browser import stroke, wait_for_completions
from tests.page_server import server_url, static_url

pytestmark = pytest.mark.browser

SEVEN = [(8, 6), (14, 3), (19, 6), (14, 12)]
SCREENS = [
    (320, 700),
    (360, 740),
    (375, 812),
    (430, 932),
    (667, 375),
    (812, 375),
    (768, 1024),
    (1024, 768),
    (1280, 720),
    (1440, 900),
    (1920, 1080),
]

# What reaches beyond the screen, by its class; and images whose pixels are not whole CSS pixels.
MISPLACED = """() => {
  const seen = [...document.querySelectorAll('.pixelcnn .view *, .pixelcnn .masthead *, .models *')]
    .filter((each) => each.checkVisibility() && !each.closest('.sr-only'));
  const clipped = seen.filter((each) => {
    const { left, right } = each.getBoundingClientRect();
    return left < -0.5 || right > innerWidth + 0.5;
  });
  const blurred = seen.filter((each) => {
    if (!each.matches('canvas.pixels')) return false;
    const { width, height } = each.getBoundingClientRect();
    return !width || width % each.width || height % each.height;
  });
  return [clipped, blurred].map((all) => all.map((each) => `${each.tagName} ${each.className}`));
}"""


def check_places(page):
    """Once what is drawn is laid out, nothing is cut off, and images are crisp."""
    for _ in range(100):
        if page.evaluate(MISPLACED) == [[], []]:
            return
        page.wait_for_timeout(50)
    assert page.evaluate(MISPLACED) == [[], []]


def handle(page):
    """Where the divider is taken, which no element marks: left and right."""
    return page.eval_on_selector(
        ".pad-frame .divider",
        """divider => {
          const { right, width } = getComputedStyle(divider, '::after');
          const end = divider.getBoundingClientRect().right - parseFloat(right);
          return [end - parseFloat(width), end];
        }""",
    )


@pytest.mark.parametrize("size", SCREENS, ids=lambda size: "x".join(map(str, size)))
def test_nothing_is_cut_off_and_images_are_crisp(visit, size):
    width, height = size
    page = visit(width=width, height=height, motion="reduce")
    stroke(page, SEVEN)
    wait_for_completions(page)
    check_places(page)
    left, right = handle(page)
    assert 0 <= left <= right <= width
    for view in ("Sample", "Watch"):
        page.get_by_role("tab", name=view).click()
        if view == "Sample":
            expect(page.locator(".samples .caption").last).to_contain_text("nats")
        else:
            expect(page.locator(".readout")).to_contain_text("row")
        check_places(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_phone_has_the_name_in_one_line_beside_the_tools(visit, finger):
    page = visit(width=375, height=812)
    name = page.locator(".masthead h1").bounding_box()
    tools = page.locator(".actions").bounding_box()
    assert name["height"] < 30
    assert tools["y"] < name["y"] < tools["y"] + tools["height"]


def test_a_phone_on_its_side_has_the_models_in_one_line(visit):
    page = visit(width=812, height=375)
    names = [each.bounding_box()["y"] for each in page.locator(".models input").all()]
    assert len(names) == 3
    assert max(names) - min(names) < 1


@pytest.mark.parametrize("width", [320, 375, 430, 600])
def test_compared_completions_lie_closer_to_their_own_than_to_the_others(visit, finger, width):
    page = visit("seed=7&compare=residual", width=width, height=812, motion="reduce")
    expect(page.locator(".rival .completions")).to_have_attribute("data-version", re.compile(r"\d"))
    own, rival = (
        [each.bounding_box() for each in page.locator(f"{where} .pixels").all()[:2]]
        for where in (".answers > .completions", ".rival .completions")
    )
    first, second, third, fourth = ((box["x"], box["x"] + box["width"]) for box in (*own, *rival))
    assert first[1] < second[0]
    assert third[1] < fourth[0] < fourth[1] <= width
    assert third[0] - second[1] > second[0] - first[1]


@pytest.mark.parametrize("size", [(667, 375), (812, 375), (932, 430)])
def test_a_phone_on_its_side_shows_the_pad_beside_its_completions(visit, finger, size):
    page = visit(width=size[0], height=size[1])
    wait_for_completions(page)
    pad = page.locator(".pad").bounding_box()
    expect(page.locator(".pad")).to_be_in_viewport(ratio=1)
    for digit in page.locator(".completions .pixels").all():
        expect(digit).to_be_in_viewport(ratio=1)
        assert digit.bounding_box()["x"] > pad["x"] + pad["width"]


def test_a_large_screen_is_filled(visit):
    page = visit(width=1920, height=1080)
    wait_for_completions(page)
    for part in (".pad", ".completions", ".posterior", ".starts"):
        expect(page.locator(part)).to_be_in_viewport(ratio=1)
    bench = page.locator(".bench").bounding_box()
    end = page.locator(".completions .pixels").nth(3).bounding_box()
    assert bench["y"] + bench["height"] > 0.9 * 1080
    assert end["x"] + end["width"] > 0.95 * 1920
    assert page.locator(".pad").bounding_box()["width"] >= 700


# What is smaller than a fingertip; a box to tick counts with its label.
SMALL = """() => [...document.querySelectorAll(
  '.pixelcnn :is(button, select, label, a.whole, input[type=range], input[type=number])')]
  .filter((each) => each.checkVisibility() && !each.matches('.scrubber'))
  .map((each) => [each, each.getBoundingClientRect()])
  .filter(([, { width, height }]) => width < 44 || height < 44)
  .map(([each, { width, height }]) => `${each.outerHTML.slice(0, 60)} ${width}x${height}`)"""


@pytest.mark.parametrize("size", [(320, 700), (375, 812), (812, 375), (1024, 768)])
def test_a_finger_meets_44_pixels_everywhere(visit, finger, size):
    page = visit(width=size[0], height=size[1], motion="reduce")
    wait_for_completions(page)
    left, right = handle(page)
    assert right - left >= 44
    assert page.locator(".pad-frame .divider").bounding_box()["height"] >= 44
    for view in ("Draw", "Sample", "Watch"):
        page.get_by_role("tab", name=view).click()
        expect(page.locator(f"#view-{view.lower()}")).to_be_visible()
        assert page.evaluate(SMALL) == []


def test_the_page_fills_the_screen_and_leaves_it(visit):
    page = visit()
    page.get_by_role("button", name="Full screen").click()
    page.wait_for_function("document.fullscreenElement?.matches('.pixelcnn')")
    page.get_by_role("button", name="Leave full screen").click()
    page.wait_for_function("!document.fullscreenElement")
    expect(page.get_by_role("button", name="Full screen", exact=True)).to_be_visible()


def test_where_nothing_may_fill_the_screen_no_button_offers_it(tab):
    tab.goto(f"{server_url()}/config")  # any page of another origin
    tab.set_content(f'<iframe src="{static_url()}/web/?embed=1" width="900" height="700">')
    page = tab.frame_locator("iframe")
    expect(page.get_by_role("tab", name="Draw")).to_be_visible()
    expect(page.locator(".fullscreen")).to_be_hidden()


def parameters(address):
    return {name: each for name, [each] in parse_qs(urlsplit(address).query).items()}


def test_within_another_page_only_the_essential_is_left(visit):
    page = visit("embed=1&model=residual", width=640, height=900)
    wait_for_completions(page)
    for part in (".models", ".share"):
        expect(page.locator(part)).to_be_hidden()
    assert page.locator(".pad").bounding_box()["y"] < 80
    page.get_by_role("tab", name="Sample").click()
    expect(page.locator(".samples")).to_have_attribute("data-seed", re.compile(r"\d"))
    page.wait_for_function("location.search.includes('view=sample')")
    assert parameters(page.url)["embed"] == "1"
    page.go_back()
    expect(page.locator("#view-draw")).to_be_visible()
    assert parameters(page.url)["embed"] == "1"
    with page.expect_popup() as popup:
        page.get_by_role("link", name="The whole page").click()
    whole = popup.value
    expect(whole.get_by_label("Residual")).to_be_checked()
    expect(whole.locator(".share")).to_be_visible()
    assert not parameters(whole.url).keys() & {"embed", "only"}
    whole.close()


@pytest.mark.parametrize("name", ["draw", "sample", "watch", "how"])
def test_a_lesson_has_one_view_and_no_tabs(visit, name):
    page = visit(f"only={name}&view=how")
    expect(page.locator(f"#view-{name}")).to_be_visible()
    expect(page.locator(".view:visible")).to_have_count(1)
    expect(page.locator(".tabs")).to_be_hidden()


def test_in_a_lesson_nothing_leads_to_another_view(visit):
    page = visit("only=draw")
    wait_for_completions(page)
    expect(page.locator(".watch-hint")).to_be_hidden()
    expect(page.locator(".completions .digit:enabled")).to_have_count(0)
    stroke(page, SEVEN)
    page.wait_for_function("location.search.includes('ink=')")
    assert parameters(page.url)["only"] == "draw"
    page.reload()
    expect(page.locator(".tabs")).to_be_hidden()
    expect(page.locator(".inviting")).to_have_count(0)
    page.goto(page.url.split("?")[0] + "?only=sample&count=2")
    expect(page.locator(".samples .caption").last).to_contain_text("nats")
    expect(page.locator(".samples .digit:enabled")).to_have_count(0)


def test_a_lesson_of_no_view_is_the_page(visit):
    page = visit("only=constructor&view=sample")
    expect(page.locator("#view-sample")).to_be_visible()
    expect(page.locator(".tabs")).to_be_visible()
