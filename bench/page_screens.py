"""Take every view of the page on screens of every size, by day and by night, to be looked at.

    python -m bench.page_screens [--out runs/screens] [--views first compare draw sample watch how]

Writes a picture of each, of the whole page as one scrolls through it, and of each view a sheet of them all.
"""

import argparse
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from bench.browser import launch
from bench.page_server import files

SIZES = ((320, 568), (375, 812), (812, 375), (1440, 900), (1920, 1080))
SCHEMES = ("light", "dark")
# What the address asks for, and what is there when the view is.
VIEWS = {
    "first": ("view=draw&seed=7", ".pixelcnn .inviting"),
    "compare": ("view=draw&seed=7&compare=residual", ".rival .completions[aria-busy=false]"),
    "draw": ("view=draw&seed=7", ".completions[aria-busy=false][data-version]"),
    "sample": ("view=sample&count=16&seed=7", ".samples[data-seed]"),
    "watch": ("view=watch", ".stage[aria-busy=false] .pixel-mark:not([hidden])"),
    "how": ("view=how", "#view-how[data-seed] svg"),
}
STILL_MS = 800  # for what is painted once a frame
SHEET_WIDTH = 480  # of a picture in a sheet, at most
SHEET_HEIGHT = 1000
GAP = 16


def main() -> None:
    """Serve the page, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/screens"))
    parser.add_argument("--views", nargs="+", choices=VIEWS, default=list(VIEWS))
    flags = parser.parse_args()
    flags.out.mkdir(parents=True, exist_ok=True)
    with files() as url, sync_playwright() as playwright:
        browser = launch(playwright)
        for view in flags.views:
            paths = take(browser, f"{url}/web/", view, flags.out)
            sheet(paths).save(flags.out / f"sheet-{view}.png")
        browser.close()


def take(browser: Browser, page_url: str, view: str, out: Path) -> list[Path]:
    """Take a view on every screen; returns the pictures' paths, by day before by night."""
    query, ready = VIEWS[view]
    paths = []
    for scheme in SCHEMES:
        context = browser.new_context(
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            service_workers="block",
        )
        page = context.new_page()
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.goto(f"{page_url}?{query}")
            page.wait_for_selector(ready)
            if view in ("draw", "compare"):
                draw(page, ready)
            page.wait_for_timeout(STILL_MS)
            path = out / f"{view}-{width}x{height}-{scheme}.png"
            page.screenshot(path=path, full_page=True)
            print(path, "wider than the screen" if is_too_wide(page) else "", flush=True)
            paths.append(path)
        context.close()
    return paths


def draw(page: Page, ready: str) -> None:
    """Take one of the tops that are offered."""
    page.get_by_role("button", name="Start from top half 2").click()
    page.wait_for_selector(ready)
    page.evaluate("scrollTo(0, 0)")


def is_too_wide(page: Page) -> bool:
    """Whether the page scrolls sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def sheet(paths: list[Path]) -> Image.Image:
    """The pictures side by side, those by day above those by night."""
    pictures = [Image.open(path).convert("RGB") for path in paths]
    for picture in pictures:
        picture.thumbnail((SHEET_WIDTH, SHEET_HEIGHT))
    rows = [pictures[: len(SIZES)], pictures[len(SIZES) :]]
    heights = [max(picture.height for picture in row) + GAP for row in rows]
    width = max(sum(picture.width + GAP for picture in row) for row in rows)
    whole = Image.new("RGB", (width, sum(heights)), "#808080")
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for picture in row:
            whole.paste(picture, (left, top))
            left += picture.width + GAP
        top += height
    return whole


if __name__ == "__main__":
    main()
