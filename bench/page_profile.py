"""Where the page's main thread spends a move of the pen, from Chromium's trace, as a picture.

    python -m bench.page_profile [--beside NAME=URL ...] [--out docs/page-profile.png]

Serves the page as plain files; `--beside` adds others, of an older version for one, that are served already.
The moves are so slow that each is answered by eight completions.
"""

import argparse
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from bench.browser import launch
from bench.page_server import files

MOVES, MOVE_MS = 20, 600
# Events of the trace, by what the main thread does in them.
KINDS = {
    "scripts": (
        "FunctionCall",
        "EvaluateScript",
        "FireAnimationFrame",
        "TimerFire",
        "EventDispatch",
    ),
    "messages": ("HandlePostMessage",),
    "styles and layout": ("UpdateLayoutTree", "Layout", "PrePaint"),
    "painting": ("Paint", "Layerize", "Commit"),
    "garbage": ("MinorGC", "MajorGC", "V8.GC_SCAVENGER"),
}
COLOURS = ("#2b6cb0", "#90cdf4", "#dd6b20", "#718096", "#cbd5e0")
MAIN = "CrRendererMain"


def own_times(events: list[dict[str, Any]]) -> dict[str, float]:
    """Milliseconds of the page's main thread by kind, each without what lies inside of it.

    Args:
        events: of a trace, as Chromium writes it.
    """
    *_, main = [
        (e["pid"], e["tid"])
        for e in events
        if e.get("name") == "thread_name" and e["args"]["name"] == MAIN
    ]
    kind_of = {name: kind for kind, names in KINDS.items() for name in names}
    spans = sorted(
        (e["ts"], -e["dur"], kind_of[e["name"]])
        for e in events
        if (e.get("pid"), e.get("tid")) == main and e.get("ph") == "X" and e["name"] in kind_of
    )
    total: dict[str, float] = defaultdict(float)
    around: list[tuple[float, str]] = []  # ends and kinds of the spans that are open
    for start, minus_duration, kind in spans:
        while around and around[-1][0] <= start:
            around.pop()
        total[kind] -= minus_duration / 1e3
        if around:
            total[around[-1][1]] += minus_duration / 1e3
        around.append((start - minus_duration, kind))
    return dict(total)


def profile(browser: Browser, url: str) -> dict[str, float]:
    """Milliseconds of each kind for one move of the pen, while half a circle is drawn."""
    page = browser.new_page(viewport={"width": 1200, "height": 720})
    page.goto(url)
    page.wait_for_selector(".completions[data-version]", timeout=120_000)
    page.wait_for_timeout(2000)
    box = page.locator(".pad").bounding_box()
    assert box is not None
    scale = box["width"] / 28
    turns = [math.pi * k / MOVES for k in range(MOVES + 1)]
    points = [(14 - 8 * math.cos(turn), 13 - 9 * math.sin(turn)) for turn in turns]
    (x, y), *others = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in points]
    page.mouse.move(x, y)
    page.mouse.down()
    page.wait_for_timeout(MOVE_MS)
    browser.start_tracing(page=page, categories=["devtools.timeline", "v8"])
    for x, y in others:
        page.mouse.move(x, y)
        page.wait_for_timeout(MOVE_MS)
    times = own_times(json.loads(browser.stop_tracing())["traceEvents"])
    page.close()
    return {kind: times.get(kind, 0.0) / MOVES for kind in KINDS}


def main() -> None:
    """Profile, print and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=URL")
    parser.add_argument("--out", type=Path, default=Path("docs/page-profile.png"))
    flags = parser.parse_args()
    pages = dict(each.split("=", 1) for each in flags.beside)
    profiles = {}
    with files() as url, sync_playwright() as playwright:
        browser = launch(playwright)
        for name, address in (pages | {"this page": f"{url}/web/?view=draw&seed=7"}).items():
            profiles[name] = profile(browser, address)
            cells = ", ".join(f"{kind} {ms:.1f}" for kind, ms in profiles[name].items())
            print(f"{name}: {cells} ms a move")
        browser.close()
    draw_bars(profiles, flags.out)
    print(json.dumps(profiles))


def draw_bars(profiles: dict[str, dict[str, float]], path: Path) -> None:
    """One bar for each page."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 1.2 + 0.6 * len(profiles)), layout="constrained")
    left = [0.0] * len(profiles)
    for kind, colour in zip(KINDS, COLOURS, strict=True):
        widths = [times[kind] for times in profiles.values()]
        axes.barh(list(profiles), widths, left=left, color=colour, label=kind)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    axes.set_xlabel("ms of the main thread, for a move of the pen and its eight completions")
    figure.legend(frameon=False, ncols=5, loc="outside upper center")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
