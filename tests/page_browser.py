"""A browser that visits the page: the fixtures and gestures of the tests of the page."""

import itertools
import re
import shutil
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from bench.browser import FLAGS
from tests.page_server import server_url, static_url

# Without its own windows, tabs and menus Chromium takes a quarter less time for the same page.
SHELLS = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, SHELLS)), None)
WAIT_MS = 20_000  # a busy machine; nothing waits longer than it has to

# A desk by day, a telephone by night: what a journey has to pass on both.
devices = pytest.mark.parametrize("device", [{"width": 1440}, {"width": 375, "scheme": "dark"}])


@pytest.fixture(scope="module")
def tab():
    """One for all tests of a file, as each new one would compile Gradio's scripts again.

    Not of the session: Playwright keeps an event loop running, and other tests run their own.
    """
    with sync_playwright() as playwright:
        path = CHROMIUM or playwright.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("no Chromium is installed: `playwright install chromium` brings one")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        context = browser.new_context(
            permissions=["clipboard-read", "clipboard-write"],
            service_workers="block",  # they would keep the page of the test before
        )
        context.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        yield new_page(context)
        browser.close()


def new_page(context):
    """A page whose `wait_for_function` leaves the page's content security policy in force.

    Playwright's own evaluates a string within the page at every look, which the policy forbids; `evaluate`
    goes by the debugger, which may.
    """
    page = context.new_page()

    def wait_for_function(condition, *, arg=None):
        end = time.monotonic() + WAIT_MS / 1000
        while not page.evaluate(condition, arg):
            assert time.monotonic() < end, f"never true: {condition}"
            page.wait_for_timeout(50)

    page.wait_for_function = wait_for_function
    return page


@pytest.fixture
def visit(tab):
    """Open the page as plain files, or in Gradio.

    There must be no error (a violation of its content security policy is one), no request to another
    origin, and no horizontal scroll.
    """
    errors, forgiven = [], []
    origins = set()

    def note_error(error):
        errors.append(str(error))

    def note_line(line):
        if line.type == "error":
            errors.append(line.text)

    def note_origin(request):
        address = urlsplit(request.url)
        if address.scheme not in ("blob", "data"):
            origins.add(f"{address.scheme}://{address.netloc}")

    def open_page(
        query="",
        width=1440,
        height=900,
        scheme="light",
        motion="no-preference",
        gradio=False,
        ready=True,  # whether to wait until the views are there
        forgive: re.Pattern | None = None,  # errors that belong to the test
    ):
        tab.set_viewport_size({"width": width, "height": height})
        tab.emulate_media(color_scheme=scheme, reduced_motion=motion)
        tab.goto(f"{server_url()}/?{query}" if gradio else f"{static_url()}/web/?{query}")
        if forgive:
            forgiven.append(forgive)
        if ready:
            tab.wait_for_selector(".pixelcnn[data-view]")
        return tab

    tab.goto(
        "about:blank"
    )  # what the page of the test before still asks for is no concern of this one
    tab.on("pageerror", note_error)
    tab.on("console", note_line)
    tab.on("request", note_origin)
    yield open_page
    tab.remove_listener("pageerror", note_error)
    tab.remove_listener("console", note_line)
    tab.remove_listener("request", note_origin)
    assert [each for each in errors if not any(known.match(each) for known in forgiven)] == []
    assert len(origins) <= 1
    assert not tab.evaluate("document.querySelector('.pixelcnn').scrollWidth > window.innerWidth")


@pytest.fixture
def newcomer(tab):
    """A new browser, which keeps service workers. Returns what opens an address in a tab of it."""
    context = tab.context.browser.new_context()
    context.set_default_timeout(WAIT_MS)
    errors = []

    def open_page(address):
        page = new_page(context)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector(".pixelcnn[data-view]")
        return page

    yield open_page
    context.close()
    assert errors == []


def keep(page):
    """Until the page is kept for when there is no network."""
    page.evaluate(
        """navigator.serviceWorker.ready.then(({ active }) => active.state === "activated" ||
          new Promise((done) => { active.onstatechange = done; }))"""
    )


@pytest.fixture
def no_simd(tab):
    """A browser that lacks WebAssembly SIMD."""

    def answer(route):
        script = route.fetch()
        lacks = "export function isSupported() {\n  return false;"
        body = script.text().replace("export function isSupported() {", lacks, 1)
        route.fulfill(response=script, body=body)

    tab.route("**/engine/pool.js", answer)
    yield
    tab.unroute_all()


@pytest.fixture
def scripts(tab):
    """Run a script with the page's modules at hand, as `load("js/field.js")`."""
    tab.goto(f"{static_url()}/web/?view=how")

    def run(body, argument=None):
        load = "const load = (path) => import(new URL(path, location.href));"
        return tab.evaluate(f"async (given) => {{ {load} {body} }}", argument)

    return run


@pytest.fixture
def fingers(tab):
    """Put fingers on the screen, move and lift them, by the browser's own touch events."""
    session = tab.context.new_cdp_session(tab)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})

    def touch(kind, points=()):
        places = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    yield touch
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    session.detach()


@pytest.fixture
def finger(fingers):
    """Drag a finger along points of the screen."""

    def drag(points, steps=6):
        fingers("touchStart", points[:1])
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            for k in range(1, steps + 1):
                part = k / steps
                fingers("touchMove", [(x0 + part * (x1 - x0), y0 + part * (y1 - y0))])
        fingers("touchEnd")

    return drag


def on_pad(page, points):
    """Points in pixels of the pad as points of the screen."""
    box = page.locator(".pad").bounding_box()
    scale = box["width"] / 28
    return [(box["x"] + x * scale, box["y"] + y * scale) for x, y in points]


def mouse(page, places):
    """Drag the mouse along points of the screen."""
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def stroke(page, points):
    """Draw by mouse along points in pixels of the pad."""
    mouse(page, on_pad(page, points))


def wait_for_completions(page):
    """Until the completions are those of what is on the pad."""
    page.wait_for_function(
        "document.querySelector('.completions').dataset.version"
        " === document.querySelector('.pad').dataset.version"
    )


NOTE = """() => {
  window.asked = [];
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message) {
    if (message.kind) window.asked.push({ ...message, levels: null });
    post.call(this, message);
  };
}"""


def note_tasks(page):
    """From now on note what workers are asked to do; returns a function that tells it: kind, freehand, ..."""
    page.evaluate(NOTE)
    return lambda: page.evaluate("window.asked")


def pixels(page, selector):
    """What a canvas shows, as text to compare."""
    return page.eval_on_selector(selector, "canvas => canvas.toDataURL()")


def ink(page):
    """How many pixels of the pad above its divider hold ink."""
    return page.eval_on_selector(
        ".pad",
        """canvas => {
          const rows = Number(document.querySelector('.pad-frame .divider').getAttribute('aria-valuenow'));
          const data = canvas.getContext('2d').getImageData(0, 0, 28, rows).data;
          return data.filter((value, k) => k % 4 === 3 && value > 0).length;
        }""",
    )
