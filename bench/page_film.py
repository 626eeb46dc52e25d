"""Film the page for the README: a minute in which everything that it can do is done once.

    python -m bench.page_film [--out docs/page-film.webp] [--pictures FOLDER]

Each picture is taken when the page has answered, so that a slow machine films what a fast one does. To be run
again whenever the page or the weights change. Needs Chromium.
"""

import argparse
import io
import math
import random
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Locator, Page, ViewportSize, sync_playwright

from bench.browser import launch
from bench.page_pictures import TWO
from bench.page_server import files

VIEW: ViewportSize = {"width": 1200, "height": 750}
WIDTH = 960  # of the film
CAPTION = 36  # points below the page
FRAME_MS = 100
HOLD_MS = 2000
LIMIT = 3_000_000  # bytes
QUALITIES = (75, 60, 45)  # the first that fits is taken
POINTER = """() => {
  const pointer = Object.assign(document.createElement("div"), { id: "pointer" });
  pointer.style.cssText = "position:fixed;z-index:99;width:16px;height:16px;margin:-8px;border-radius:50%;" +
    "background:#0006;border:2px solid #fff;pointer-events:none;left:-99px";
  document.documentElement.append(pointer);
  for (const kind of ["pointermove", "pointerdown", "pointerup"]) {
    addEventListener(kind, ({ clientX, clientY, buttons }) => {
      pointer.style.left = `${clientX}px`;
      pointer.style.top = `${clientY}px`;
      pointer.style.background = buttons ? "#b8480ccc" : "#0006";
    }, true);
  }
}"""


# The completions, of both models where two are compared, are those of what is on the pad.
SETTLED = """() => {
  const version = (place) => document.querySelector(place)?.dataset.version;
  if (document.querySelector("#view-draw").hidden) return true;
  const asked = version(".pad");
  const comparing = document.querySelector("#view-draw.comparing");
  return version(".completions") === asked && (!comparing || version(".rival .completions") === asked);
}"""
SEVEN = ((8, 5), (14, 4.2), (20, 4.5), (18, 9), (16, 13))  # the upper half of a seven, or of a nine


class Film:
    """The pictures so far, each with how long it stands.

    Args:
        page: what is filmed; its pointer shows.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[tuple[Image.Image, int]] = []
        self.caption = ""
        self.at = (VIEW["width"] / 2, VIEW["height"] * 0.8)

    def shoot(self, ms: int = FRAME_MS) -> None:
        """Add what the page shows now; the same again stands longer."""
        picture = _captioned(self.page.screenshot(), self.caption)
        if self.frames and self.frames[-1][0].tobytes() == picture.tobytes():
            self.frames[-1] = (picture, self.frames[-1][1] + ms)
        else:
            self.frames.append((picture, ms))

    def say(self, caption: str) -> None:
        """Take a sentence as the caption from now on."""
        self.caption = caption

    def move(self, places: Iterable[tuple[float, float]]) -> None:
        """Move the pointer along places of the screen, a picture at each."""
        for place in places:
            self.page.mouse.move(*place)
            self.at = place
            _settle(self.page)
            self.shoot()

    def reach(self, target: tuple[float, float], steps: int = 4) -> None:
        """Move the pointer to a place as a hand does: fast in the middle, slow at the ends."""
        (x0, y0), (x1, y1) = self.at, target
        parts = [(1 - math.cos(math.pi * k / steps)) / 2 for k in range(1, steps + 1)]
        self.move((x0 + part * (x1 - x0), y0 + part * (y1 - y0)) for part in parts)

    def press(self, target: Locator, hold_ms: int = HOLD_MS) -> None:
        """Go to something, press it, and see what it brings."""
        self.reach(_middle(target))
        self.page.mouse.down()
        self.shoot()
        self.page.mouse.up()
        self.page.wait_for_timeout(500)
        _settle(self.page)
        self.shoot(hold_ms)

    def stroke(self, points: Iterable[tuple[float, float]], seed: int) -> None:
        """Draw on the pad, along points in its pixels, with a hand that is not quite steady."""
        places = _by_hand(list(points), seed)
        box = _box(self.page.locator(".pad"))
        screen = [(box[0] + x * box[2] / 28, box[1] + y * box[3] / 28) for x, y in places]
        self.reach(screen[0])
        self.page.mouse.down()
        self.move(screen[1:])
        self.page.mouse.up()
        self.page.wait_for_timeout(600)
        _settle(self.page)
        self.shoot(HOLD_MS)

    def drag(self, target: Locator, ways: Iterable[float]) -> None:
        """Drag something up and down: by so many points each time."""
        box = _box(target)
        start = (box[0] + box[2] - 4, box[1] + box[3] / 2)
        self.reach(start)
        self.page.mouse.down()
        for way in ways:
            self.reach((start[0], start[1] + way), steps=8)
        self.page.mouse.up()
        self.page.wait_for_timeout(500)
        _settle(self.page)
        self.shoot(HOLD_MS)

    def save(self, path: Path) -> int:
        """Write the film, as good as the limit lets it be; returns its size in bytes.

        Raises:
            ValueError: if it does not fit.
        """
        pictures, times = zip(*self.frames, strict=True)
        for quality in QUALITIES:
            data = io.BytesIO()
            pictures[0].save(
                data,
                "WEBP",
                save_all=True,
                append_images=pictures[1:],
                duration=list(times),
                loop=0,
                quality=quality,
                method=4,
                allow_mixed=True,
            )
            if data.tell() <= LIMIT:
                path.write_bytes(data.getvalue())
                return data.tell()
        raise ValueError(f"The film has {data.tell():,} bytes, more than {LIMIT:,}: shorten it.")


def _captioned(png: bytes, caption: str) -> Image.Image:
    """A picture of the page at the film's size, and a sentence below it."""
    shot = Image.open(io.BytesIO(png)).convert("RGB")
    height = round(shot.height * WIDTH / shot.width)
    sheet = Image.new("RGB", (WIDTH, height + CAPTION), "#1d1c1a")
    sheet.paste(shot.resize((WIDTH, height), Image.Resampling.LANCZOS))
    font = ImageFont.load_default(size=17)
    place = (WIDTH / 2, height + CAPTION / 2)
    ImageDraw.Draw(sheet).text(place, caption, font=font, fill="#faf9f6", anchor="mm")
    return sheet


def _box(target: Locator) -> tuple[float, float, float, float]:
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]


def _middle(target: Locator) -> tuple[float, float]:
    x, y, width, height = _box(target)
    return x + width / 2, y + height / 2


def _by_hand(points: list[tuple[float, float]], seed: int) -> list[tuple[float, float]]:
    """A curve through the points (Catmull-Rom), with a tremor of a fifth of a pixel."""
    hand = random.Random(seed)
    ends = [points[0], *points, points[-1]]
    curve = [points[0]]
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        steps = max(2, round(math.dist(b, c) / 1.3))
        for k in range(1, steps + 1):
            t = k / steps
            x, y = (
                q + t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p))) / 2
                for p, q, r, s in zip(a, b, c, d, strict=True)
            )
            curve.append((x + hand.gauss(0, 0.1), y + hand.gauss(0, 0.1)))
    return curve


def _settle(page: Page) -> None:
    """Wait until the page has answered."""
    page.wait_for_function(SETTLED)


def main() -> None:
    """Serve the page, and film it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/page-film.webp"))
    parser.add_argument("--pictures", type=Path, help="folder for its pictures, to be looked at")
    flags = parser.parse_args()
    with files() as url, sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport=VIEW, bypass_csp=True)
        page.goto(f"{url}/web/?view=draw&seed=7")
        page.wait_for_selector(".completions[data-version]")
        page.evaluate(POINTER)
        film = Film(page)
        for scene in (draw, complete_as_another, watch, sample, explain, compare):
            scene(film)
        browser.close()
    if flags.pictures:
        flags.pictures.mkdir(exist_ok=True)
        for k, (picture, ms) in enumerate(film.frames):
            picture.save(flags.pictures / f"{k:03d}-{ms}.png")
    size = film.save(flags.out)
    seconds = sum(ms for _, ms in film.frames) / 1000
    print(f"{flags.out}: {len(film.frames)} pictures, {seconds:.0f} s, {size / 1e6:.2f} MB")


def draw(film: Film) -> None:
    """Draw the top of a two, and drag the divider."""
    film.say("Draw the top of a digit: the model completes it while you draw")
    film.page.wait_for_timeout(800)
    film.shoot(HOLD_MS)
    film.stroke(TWO, seed=1)
    film.say("The divider says which rows are yours")
    film.drag(film.page.locator(".pad-frame .divider"), (60, -50, 0))


def complete_as_another(film: Film) -> None:
    """Tap a digit to complete as it."""
    film.say("Pick a digit: completed as a three")
    film.press(film.page.get_by_role("button", name="3: "))
    film.press(film.page.get_by_role("button", name="3: "), hold_ms=400)


def watch(film: Film) -> None:
    """Tap a completion, and watch it appear pixel by pixel."""
    page = film.page
    film.say("Pick a completion, and watch it appear pixel by pixel")
    film.press(page.get_by_role("button", name="Completion 1,"), hold_ms=200)
    play = page.locator("[data-player=play]")
    if play.inner_text() == "Pause":
        play.click()
    scrubber = page.locator(".scrubber")
    for index in range(392, 785, 14):
        scrubber.fill(str(index))
        film.shoot()
    film.shoot(HOLD_MS)
    film.say("Each pixel: what it can see, and how probable its ink was")
    page.get_by_label("what this pixel can see").check()
    box = _box(page.locator(".so-far"))
    for row, column in ((15, 9), (18, 14), (22, 12)):
        film.reach((box[0] + (column + 0.5) * box[2] / 28, box[1] + (row + 0.5) * box[3] / 28))
        film.shoot(700)


def sample(film: Film) -> None:
    """Sample digits, and once more with less chance."""
    page = film.page
    film.say("Sample fresh digits; a seed brings the same ones again")
    film.press(page.get_by_role("tab", name="Sample"))
    _sampled(page)
    film.shoot(HOLD_MS)
    film.press(page.get_by_role("button", name="Sample", exact=True), hold_ms=200)
    _sampled(page)
    film.shoot(HOLD_MS)


def _sampled(page: Page) -> None:
    page.wait_for_function(
        "document.querySelector('.sample-explained').textContent.startsWith('On average')"
    )
    page.wait_for_timeout(500)


def explain(film: Film) -> None:
    """Open How it works, and go through one pixel."""
    page = film.page
    film.say("How it works, on your own drawing: one pixel at a time")
    film.press(page.get_by_role("tab", name="How it works"), hold_ms=200)
    stepper = page.locator(".stepper")
    stepper.get_by_role("button", name="Next in doubt").wait_for()
    page.wait_for_timeout(500)
    film.shoot(HOLD_MS)
    for name in ("Next in doubt", "Step", "Step", "Step"):
        film.press(stepper.get_by_role("button", name=name), hold_ms=1000)


def compare(film: Film) -> None:
    """Let another model complete the same drawing."""
    page = film.page
    film.press(page.get_by_role("tab", name="Draw"), hold_ms=300)
    film.say("Two models side by side: the same drawing, the same seed")
    choice = page.locator("#view-draw [name=compare]")
    film.reach(_middle(choice))
    choice.select_option("residual")
    page.wait_for_function(SETTLED)
    page.wait_for_timeout(600)
    film.shoot(HOLD_MS)
    film.press(page.get_by_role("button", name="Clear"), hold_ms=300)
    film.stroke(SEVEN, seed=2)
    film.shoot(HOLD_MS)


if __name__ == "__main__":
    main()
