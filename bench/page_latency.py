"""How long the page takes to answer a pen and a click, and to open, measured in a real browser.

    python -m bench.page_latency [--weights DIR] [--seconds 10]

Serves `web/` as plain files. In milliseconds, each with median, 95th percentile and worst:

* from a pointer move on the pad that changed the ink to the first completion of that ink (or of newer)
  painted, and to all eight, while drawing without a pause;
* the same with a model of no weight: what is left is the page's own share;
* all eight with the main thread four times as slow, as Chromium emulates a phone (workers stay as fast);
* from a click on Sample to 16 digits painted;
* from the start of a cold visit to the first completion painted.

"Painted" is the animation frame in which the canvases hold them. Needs Chromium. Prints a table, and one JSON
line at the end.
"""

import argparse
import json
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from playwright.sync_api import Browser, Page, sync_playwright

import pixelcnn
from bench.browser import launch
from bench.machine import machine
from bench.page_server import ROOT, files, percentile
from pixelcnn.store.folder import save

MOVE_MS = 16  # a screen's rate
CLICKS = 20
VISITS = 10
THROTTLE = 4

# Notes when each version of the ink came about, and when its completions were painted.
WATCHER = """() => {
  const pad = document.querySelector('.pad');
  const completions = document.querySelector('.completions');
  const waiting = { begun: [], version: [] };
  window.latencies = { begun: [], version: [] };
  let newest = Number(pad.dataset.version);
  pad.addEventListener('pointermove', (event) => {
    const version = Number(pad.dataset.version);
    if (version !== newest) {
      for (const name in waiting) waiting[name].push({ version, at: event.timeStamp });
    }
    newest = version;
  });
  new MutationObserver(() => {
    const now = performance.now();
    for (const name in waiting) {
      const version = Number(completions.dataset[name]);
      while (waiting[name].length && waiting[name][0].version <= version) {
        window.latencies[name].push(now - waiting[name].shift().at);
      }
    }
  }).observe(completions, { attributes: true, attributeFilter: ['data-begun', 'data-version'] });
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

# In a visit from its very start: when the first completion is painted.
OPENING = """new MutationObserver((_, watcher) => {
  if (!document.querySelector('.completions[data-begun]')) return;
  window.opened = performance.now();
  watcher.disconnect();
}).observe(document, { attributes: true, attributeFilter: ['data-begun'], subtree: true });"""


def main() -> None:
    """Measure, print a table, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, help="folder of model folders; ours if not given")
    parser.add_argument("--seconds", type=float, default=10, help="of drawing, each time")
    flags = parser.parse_args()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        with _served(flags.weights or ROOT / "weights") as url:
            first, every = _pen(browser, url, flags.seconds)
            _, phone = _pen(browser, url, flags.seconds, throttle=THROTTLE)
            times = {
                "pen_to_first_completion_ms": first,
                "pen_to_eight_completions_ms": every,
                f"pen_to_eight_throttled_{THROTTLE}x_ms": phone,
                "click_to_16_digits_ms": _clicks(browser, url),
                "visit_to_first_completion_ms": [_visit(browser, url) for _ in range(VISITS)],
            }
        with tempfile.TemporaryDirectory() as folder, _served(_no_weight(Path(folder))) as url:
            _, times["page_alone_pen_to_eight_ms"] = _pen(browser, url, flags.seconds)
        browser.close()
    _report({name: _figures(each) for name, each in times.items()})


@contextmanager
def _served(weights: Path) -> Iterator[str]:
    """The page with these weights, as plain files; yields its address."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "web").symlink_to(ROOT / "web")
        (Path(folder) / "weights").symlink_to(weights.resolve())
        with files(Path(folder)) as url:
            yield f"{url}/web/"


def _no_weight(folder: Path) -> Path:
    """A model of which there is next to nothing to compute."""
    config = pixelcnn.ModelConfig(
        num_classes=10,
        freehand=True,
        inner_dim=1,
        dilations=(1,),
        horizontal_dim=1,
        horizontal_dilations=(1,),
    )
    model = pixelcnn.PixelCNN(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    save(model, folder / "binary")
    return folder


def _open(browser: Browser, url: str) -> Page:
    page = browser.new_page(
        viewport={"width": 1440, "height": 900}, reduced_motion="reduce", bypass_csp=True
    )
    page.goto(url)
    return page


def _pen(
    browser: Browser, url: str, seconds: float, *, throttle: int = 1
) -> tuple[list[float], list[float]]:
    """Draw loops above the divider without a pause; times to the first completion and to all."""
    page = _open(browser, f"{url}?view=draw")
    page.wait_for_selector(".completions[data-version]")
    page.wait_for_timeout(1000)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": throttle})
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
    for step in range(int(seconds * 1000 / MOVE_MS)):
        if step % 120 == 0:  # a new stroke on a clean pad, as otherwise all of it is ink in the end
            page.mouse.up()
            page.evaluate("document.querySelector('[data-tool=clear]').click()")
            page.mouse.down()
        page.mouse.move(*place(step))
        page.wait_for_timeout(MOVE_MS)
    page.mouse.up()
    page.wait_for_timeout(1500)
    latencies = page.evaluate("window.latencies")
    page.close()
    return latencies["begun"], latencies["version"]


def _clicks(browser: Browser, url: str) -> list[float]:
    page = _open(browser, f"{url}?view=sample&count=16")
    page.wait_for_selector(".samples[data-seed]")
    page.wait_for_timeout(1000)
    times = [page.evaluate(CLICK) for _ in range(CLICKS)]
    page.close()
    return times


def _visit(browser: Browser, url: str) -> float:
    """A visit with an empty cache."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, reduced_motion="reduce", bypass_csp=True
    )
    context.add_init_script(OPENING)
    page = context.new_page()
    page.goto(url)
    page.wait_for_function("window.opened")
    time: float = page.evaluate("window.opened")
    context.close()
    return time


def _figures(times: list[float]) -> dict[str, int]:
    times = sorted(times)
    return {
        "number": len(times),
        "median": round(percentile(times, 0.5)),
        "p95": round(percentile(times, 0.95)),
        "worst": round(times[-1]),
    }


def _report(result: dict[str, dict[str, int]]) -> None:
    print(f"{'':32}{'number':>8}{'median':>8}{'p95':>8}{'worst':>8}")
    for name, figures in result.items():
        print(f"{name:32}" + "".join(f"{value:8}" for value in figures.values()))
    print(json.dumps({**result, **machine()}))


if __name__ == "__main__":
    main()
