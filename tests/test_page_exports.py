"""What leaves the page: pictures, and its link by a browser's own means."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.page_browser import stroke, wait_for_completions
from tests.page_server import static_url

pytestmark = pytest.mark.browser

SEVEN = [(8, 6), (14, 3), (19, 6), (14, 12)]
COOL, WARM = (29, 95, 166), (184, 72, 12)


def image_of(svg, count):
    """Levels of an SVG's rectangles, and their colours; none may lie on another."""
    levels = np.zeros((28, 28), int)
    colours = np.full((28, 28), "")
    colours = colours.astype(object)
    for colour, group in re.findall(r'<g fill="(#\w+)">(.*?)</g>', svg):
        rects = re.findall(r'<rect x="(\d+)" y="(\d+)" width="(\d+)" height="1"(.*?)/>', group)
        for x, y, width, rest in rects:
            run = (int(y), slice(int(x), int(x) + int(width)))
            assert not levels[run].any()
            opacity = float(rest.split('"')[1]) if rest else 1.0
            levels[run] = round(opacity * (count - 1))
            colours[run] = colour
    return levels, colours


@pytest.mark.parametrize(("count", "rows"), [(2, 0), (4, 11), (2, 28)])
def test_an_svg_has_a_rectangle_for_each_run(tab, count, rows):
    tab.goto(f"{static_url()}/web/?view=how")
    levels = np.random.default_rng(0).integers(0, count, (28, 28))
    svg = tab.evaluate(
        """async ([levels, rows, count]) => {
          const { svgOf } = await import(new URL("js/save.js", location.href));
          const info = { height: 28, width: 28, levels: count };
          const svg = svgOf({ levels: Uint8Array.from(levels), rows }, info);
          const parsed = new DOMParser().parseFromString(svg, "image/svg+xml");
          return parsed.querySelector("parsererror") ? "damaged" : svg;
        }""",
        [levels.ravel().tolist(), rows, count],
    )
    shown, colours = image_of(svg, count)
    assert (shown == levels).all()
    assert set(colours[:rows][levels[:rows] > 0]) <= {"#1d5fa6"}
    assert set(colours[rows:][levels[rows:] > 0]) <= {"#b8480c"}
    starts = np.diff(levels, axis=1, prepend=0) != 0
    assert svg.count("<rect") == 1 + (starts & (levels > 0)).sum()


def test_a_watched_digit_is_saved_as_svg(visit):
    page = visit("view=watch", motion="reduce")
    expect(page.locator(".scrubber")).to_have_value("784")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save SVG").click()
    levels, _ = image_of(Path(download.value.path()).read_text(), 2)
    shown = page.eval_on_selector(
        ".so-far",
        """canvas => [...canvas.getContext("2d").getImageData(0, 0, 28, 28).data]
             .filter((_, k) => k % 4 === 3).map((alpha) => alpha > 0 ? 1 : 0)""",
    )
    assert levels.ravel().tolist() == shown


def test_a_drawing_is_saved_with_its_completions(visit):
    page = visit("seed=4")
    stroke(page, SEVEN)
    wait_for_completions(page)
    expect(page.locator(".completions .digit:enabled")).to_have_count(8)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").click()
    picture = np.array(Image.open(download.value.path()).convert("RGB")).astype(int)
    assert download.value.suggested_filename == "pixelcnn-binary-drawing-seed-4.png"
    margin, scale = 24, 16
    pad = picture[margin + scale // 2 :: scale, margin + scale // 2 :: scale][:28, :28]
    drawn = page.eval_on_selector(
        ".pad",
        """canvas => [...canvas.getContext("2d").getImageData(0, 0, 28, 14).data]
             .filter((_, k) => k % 4 === 3).map((alpha) => alpha > 0)""",
    )
    assert (pad[:14] == COOL).all(-1).ravel().tolist() == drawn
    assert not (pad[14:] == COOL).all(-1).any()
    assert (pad[14:] != 255).any()
    left = 2 * margin + scale * 28
    corners = [
        (margin + row * (448 - 196), left + column * (196 + margin))
        for row in range(2)
        for column in range(4)
    ]
    for top, start in corners:
        each = picture[top + 3 : top + 196 : 7, start + 3 : start + 196 : 7]
        assert (each[:14] == COOL).all(-1).ravel().tolist() == drawn
        assert (each[14:] == WARM).all(-1).any()


SHARE = """outcome => {
  navigator.share = async (what) => {
    window.shared = what;
    if (outcome) throw new DOMException("", outcome);
  };
}"""


@pytest.mark.parametrize("outcome", ["", "AbortError", "NotAllowedError"])
def test_a_link_is_shared_by_the_browser_where_it_can(visit, outcome):
    page = visit("view=sample&count=2&seed=5")
    expect(page.locator(".samples")).to_have_attribute("data-seed", "5")
    page.evaluate(SHARE, outcome)
    page.locator(".share").click()
    page.wait_for_function("window.shared")
    assert "seed=5" in page.evaluate("window.shared.url")
    notice = page.locator(".notice")
    if outcome == "NotAllowedError":
        expect(notice).to_contain_text("clipboard")
    else:
        expect(notice).to_be_empty()
