"""Take the README's pictures of the page, three views and a drawing being completed; and that of its links.

    python -m bench.page_pictures [--out docs]

To be run again whenever the page or the weights change. Needs Chromium.
"""

import argparse
import io
import itertools
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from bench.browser import launch
from bench.page_server import ROOT, files

TWO = ((8, 8), (10, 5), (14, 3.5), (17.5, 5), (18.5, 8), (17, 11), (14, 13.5))  # its upper half
STEPS = 4  # pictures between two points of the stroke
FRAME_MS = 120
HOLD_MS = 2500
GIF_WIDTH = 640
PREVIEW = (800, 420, 1.5)  # 1200x630, as those who preview links want it
PREVIEW_COLOURS = 64


def main() -> None:
    """Serve the page, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs"))
    flags = parser.parse_args()
    flags.out.mkdir(exist_ok=True)
    with files() as url, sync_playwright() as playwright:
        browser = launch(playwright)
        page = _open(browser, f"{url}/web/?view=draw&seed=7", "light")
        frames = _draw(page)
        page.screenshot(path=flags.out / "page-draw.png")
        _save_gif(frames, flags.out / "page-draw.gif")
        page = _open(browser, f"{url}/web/?view=draw&seed=7", "light", *PREVIEW)
        preview = _draw(page)[-1].quantize(PREVIEW_COLOURS, dither=Image.Dither.NONE)
        preview.save(ROOT / "web" / "preview.png", optimize=True)
        page = _open(browser, f"{url}/web/?view=sample&count=32&seed=7", "light")
        page.wait_for_selector(".samples[data-seed]")
        page.wait_for_timeout(1000)
        page.screenshot(path=flags.out / "page-sample.png")
        page.locator(".samples .digit").first.click()
        _watch(page)
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(500)
        page.screenshot(path=flags.out / "page-watch.png")
        browser.close()


def _open(
    browser: Browser, url: str, scheme: str, width: int = 1200, height: int = 720, scale: float = 1
) -> Page:
    size: ViewportSize = {"width": width, "height": height}
    page = browser.new_page(viewport=size, device_scale_factor=scale, bypass_csp=True)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(url)
    page.wait_for_selector(".pixelcnn [role=tab][aria-selected=true]")
    return page


def _draw(page: Page) -> list[Image.Image]:
    """Draw the upper half of a two; returns a picture after each step."""
    page.wait_for_selector(".completions[data-version]")
    page.wait_for_timeout(1000)
    box = page.locator(".pad").bounding_box()
    assert box is not None
    scale = box["width"] / 28
    frames = [_picture(page)]
    page.mouse.move(box["x"] + TWO[0][0] * scale, box["y"] + TWO[0][1] * scale)
    page.mouse.down()
    for (x0, y0), (x1, y1) in itertools.pairwise(TWO):
        for step in range(1, STEPS + 1):
            x, y = (a + (b - a) * step / STEPS for a, b in ((x0, x1), (y0, y1)))
            page.mouse.move(box["x"] + x * scale, box["y"] + y * scale)
            _settle(page)
            frames.append(_picture(page))
    page.mouse.up()
    _settle(page)
    page.wait_for_timeout(500)
    frames.append(_picture(page))
    return frames


def _settle(page: Page) -> None:
    """Wait until the completions are those of the pad."""
    page.wait_for_function(
        "document.querySelector('.completions').dataset.version"
        " === document.querySelector('.pad').dataset.version"
    )


def _picture(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def _save_gif(frames: list[Image.Image], path: Path) -> None:
    size = (GIF_WIDTH, round(frames[0].height * GIF_WIDTH / frames[0].width))
    small = [frame.resize(size, Image.Resampling.LANCZOS) for frame in frames]
    palette = small[-1].quantize(64)
    pictures = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in small]
    times = [HOLD_MS // 2, *[FRAME_MS] * (len(frames) - 2), HOLD_MS]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=times, loop=0)


def _watch(page: Page) -> None:
    """Stop the player two thirds through."""
    page.wait_for_function("document.querySelector('[data-player=play]').textContent === 'Pause'")
    page.locator("[data-player=play]").click()
    page.locator(".scrubber").fill("500")


if __name__ == "__main__":
    main()
