"""How long the page takes to answer a pen and a click, measured in a real browser.

    python -m bench.page_latency [--weights DIR | --tiny] [--seconds 10]

Two figures, in milliseconds: from a pointer move on the pad that changed the ink to eight completions of
that ink (or of newer) painted, while drawing without a pause; and from a click on Sample to 16 digits
painted. "Painted" is the first animation frame after the canvases hold them. With `--tiny` the model is
next to nothing: what is left is the page's own share, the browser's and the server's. Needs Chromium. Prints
a table, and one JSON line at the end.
"""

import argparse
import json
import math
import shutil
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

import pixelcnn
from bench.page_server import app, percentile
from pixelcnn.store.folder import save

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
MOVE_MS = 16  # a screen's rate
CLICKS = 10

# Notes when each version of the ink came about, and when it was first painted.
WATCHER = """() => {
  const pad = document.querySelector('.pad');
  const completions = document.querySelector('.completions');
  window.moves = [];
  window.latencies = [];
  let newest = Number(pad.dataset.version);
  pad.addEventListener('pointermove', (event) => {
    const version = Number(pad.dataset.version);
    if (version !== newest) window.moves.push({ version, at: event.timeStamp });
    newest = version;
  });
  new MutationObserver(() => requestAnimationFrame(() => {
    const now = performance.now();
    const version = Number(completions.dataset.version);
    while (window.moves.length && window.moves[0].version <= version) {
      window.latencies.push(now - window.moves.shift().at);
    }
  })).observe(completions, { attributes: true, attributeFilter: ['data-version'] });
}"""

CLICK = """() => new Promise((done) => {
  const holder = document.querySelector('.samples');
  const start = performance.now();
  const watcher = new MutationObserver(() => requestAnimationFrame(() => {
    watcher.disconnect();
    done(performance.now() - start);
  }));
  watcher.observe(holder, { attributes: true, attributeFilter: ['data-seed'] });
  document.querySelector('#sample-form button.primary').click();
})"""


def main() -> None:
    """Measure, print a table, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, help="folder of model folders; ours if not given")
    parser.add_argument("--seconds", type=float, default=10, help="of drawing")
    parser.add_argument("--tiny", action="store_true", help="measure with a model of no weight")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if flags.tiny:
            config = pixelcnn.ModelConfig(num_classes=10, inner_dim=2, dilations=(1,))
            save(pixelcnn.PixelCNN(config), Path(folder) / "binary")
        _report(_measure(Path(folder) if flags.tiny else flags.weights, flags.seconds))


def _measure(weights: Path | None, seconds: float) -> dict[str, dict[str, Any]]:
    with app(weights) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        result = {
            "pen_to_completions_ms": _pen(page, url, seconds),
            "click_to_16_digits_ms": _clicks(page, url),
        }
        browser.close()
    return result


def _report(result: dict[str, dict[str, Any]]) -> None:
    print(f"{'':24}{'number':>8}{'median':>8}{'p95':>8}{'worst':>8}")
    for name, figures in result.items():
        print(f"{name:24}" + "".join(f"{value:8}" for value in figures.values()))
    print(json.dumps(result))


def _pen(page: Page, url: str, seconds: float) -> dict[str, Any]:
    """Draw loops above the divider without a pause."""
    page.goto(f"{url}/?view=draw")
    page.wait_for_selector(".completions[data-version]")
    page.wait_for_timeout(1000)
    page.evaluate(WATCHER)
    box = page.locator(".pad").bounding_box()
    assert box is not None
    scale = box["width"] / 28

    def place(step: int) -> tuple[float, float]:
        angle, sweep = step / 20, step / 200
        x = 14 + 7 * math.cos(angle) + 3 * math.sin(sweep)
        y = 7 + 5 * math.sin(angle) * math.cos(sweep)
        return box["x"] + x * scale, box["y"] + y * scale

    page.mouse.move(*place(0))
    steps = int(seconds * 1000 / MOVE_MS)
    for step in range(steps):
        if step % 120 == 0:  # a new stroke on a clean pad, as otherwise all of it is ink in the end
            page.mouse.up()
            page.evaluate("document.querySelector('[data-tool=clear]').click()")
            page.mouse.down()
        page.mouse.move(*place(step))
        page.wait_for_timeout(MOVE_MS)
    page.mouse.up()
    page.wait_for_timeout(1500)
    return _figures(page.evaluate("window.latencies"))


def _clicks(page: Page, url: str) -> dict[str, Any]:
    page.goto(f"{url}/?view=sample&count=16")
    page.wait_for_selector(".samples[data-seed]")
    page.wait_for_timeout(1000)
    return _figures([page.evaluate(CLICK) for _ in range(CLICKS)])


def _figures(times: list[float]) -> dict[str, Any]:
    times = sorted(times)
    return {
        "number": len(times),
        "median": round(percentile(times, 0.5)),
        "p95": round(percentile(times, 0.95)),
        "worst": round(times[-1]),
    }


if __name__ == "__main__":
    main()
