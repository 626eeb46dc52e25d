"""Draw ten tops and a scribble in a real browser, and make one picture of what the page read and drew.

    python -m bench.real_hands [--out docs/real-hands.png]

The tops are big and small, left and right, thin and thick. Needs Chromium.
"""

import argparse
import io
import math
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from bench.browser import launch
from bench.page_server import files

Points = list[tuple[float, float]]  # (x, y) in pixels of the pad, which has 28 each way
COLUMNS = 2
SIZE = {"width": 1180, "height": 720}
VIEW = (0, 140, 1180, 718)  # of the page, without its head
SEED = 7


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> Points:
    """Points on an ellipse, from one angle to another in degrees, clockwise from the right."""
    angles = (math.radians(start + (end - start) * k / 24) for k in range(25))
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


# What is drawn, the pen from thin (0) to thick (1), and the strokes.
DRAWINGS: list[tuple[str, float, list[Points]]] = [
    ("a big 4", 0.4, [[(8, 2), (6, 13.9)], [(20, 2), (20, 13.9)], [(6, 13.5), (20, 13.5)]]),
    ("a small 7 on the right", 0.3, [[(15, 8), (21, 8), (18.5, 13.9)]]),
    ("a 1 on the left", 0.4, [[(5, 3), (4.5, 13.9)]]),
    ("a big 0", 0.4, [arc(14, 14, 9, 11.5, 180, 360)]),
    ("a thin 2", 0.0, [[*arc(13, 8, 5, 5, 200, 360), (17.5, 10), (15, 13.9)]]),
    ("a thick 3", 0.9, [arc(13, 7, 5, 4.5, 200, 440)]),
    ("a 5 in a corner", 0.3, [[(12, 3.5), (5, 3.5), (5, 9)], arc(8, 12.5, 4, 4, 230, 380)]),
    ("a 6", 0.4, [[(16, 3), (12, 8), (10, 13.9)]]),
    ("a big 9", 0.4, [arc(13, 9, 6, 6, 0, 360), [(19, 9), (19, 13.9)]]),
    (
        "a small 8 on the left",
        0.2,
        [arc(7, 9, 2.6, 2.6, 90, 450), [(6, 11.5), (4.5, 13.9)], [(8, 11.5), (9.5, 13.9)]],
    ),
    (
        "a scribble",
        0.4,
        [[(3, 3), (24, 11), (5, 8), (22, 3), (8, 13), (25, 6), (3, 12), (14, 2)]],
    ),
]


def main() -> None:
    """Serve the page, draw, and save the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/real-hands.png"))
    flags = parser.parse_args()
    pictures = []
    with files() as url, sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(
            viewport={"width": SIZE["width"], "height": SIZE["height"]}, bypass_csp=True
        )
        page.goto(f"{url}/web/?view=draw&seed={SEED}")
        page.wait_for_selector(".completions[data-version]", timeout=60_000)
        for name, pen, strokes in DRAWINGS:
            draw(page, pen, strokes)
            read = page.eval_on_selector_all(
                ".posterior .bar", "bars => bars.map(bar => bar.title)"
            )
            print(f"{name}: {page.locator('.posterior h2').inner_text()} {', '.join(read)}")
            pictures.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
        browser.close()
    sheet(pictures).save(flags.out)


def draw(page: Page, pen: float, strokes: list[Points]) -> None:
    """Clear the pad, draw by mouse, and wait for the completions."""
    page.get_by_role("button", name="Clear").click()
    slider = page.locator("[name=pen]")
    low, high = (float(slider.get_attribute(end) or 0) for end in ("min", "max"))
    slider.fill(f"{round(low + (high - low) * pen, 2):g}")
    box = page.locator(".pad").bounding_box()
    assert box is not None
    scale = box["width"] / 28
    for stroke in strokes:
        (x, y), *others = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in stroke]
        page.mouse.move(x, y)
        page.mouse.down()
        for x, y in others:
            page.mouse.move(x, y, steps=4)
        page.mouse.up()
    page.wait_for_function(
        "document.querySelector('.completions').dataset.version"
        " === document.querySelector('.pad').dataset.version",
        timeout=60_000,
    )
    page.wait_for_timeout(1500)  # they grow in


def sheet(pictures: list[Image.Image]) -> Image.Image:
    """The pictures side by side, at half their size."""
    left, top, right, bottom = VIEW
    width, height = (right - left) // 2, (bottom - top) // 2
    rows = -(-len(pictures) // COLUMNS)
    whole = Image.new("RGB", (COLUMNS * width, rows * height), "white")
    for k, picture in enumerate(pictures):
        small = picture.crop(VIEW).resize((width, height), Image.Resampling.LANCZOS)
        whole.paste(small, (k % COLUMNS * width, k // COLUMNS * height))
    return whole.quantize(128, dither=Image.Dither.NONE)


if __name__ == "__main__":
    main()
