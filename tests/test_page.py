"""Journeys through the page in a real browser, by mouse and by keyboard."""

import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from tests.page_server import picture_of_a_one, server_url

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
SERIOUS = ("serious", "critical")
WAIT_MS = 20_000  # a busy machine; nothing waits longer than it has to


@pytest.fixture(scope="module")
def context():
    """One for all, as each new one would fetch Gradio's scripts again."""
    with sync_playwright() as playwright:
        path = CHROMIUM or playwright.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("no Chromium is installed: `playwright install chromium` brings one")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
        context.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        yield context
        browser.close()


@pytest.fixture
def visit(context):
    """Open the page; at the end there must have been no error, and no horizontal scroll."""
    pages, errors = [], []

    def open_page(query="", width=1440, scheme="light", motion="no-preference"):
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion=motion)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: line.type == "error" and errors.append(line.text))
        page.goto(f"{server_url()}/?{query}")
        page.wait_for_selector(".pixelcnn [role=tab][aria-selected=true]")
        pages.append(page)
        return page

    yield open_page
    wide = "document.querySelector('.pixelcnn').scrollWidth > window.innerWidth"
    overflow = [page.url for page in pages if page.evaluate(wide)]
    for page in pages:
        page.close()
    assert errors == []
    assert overflow == []


def stroke(page, points):
    """Draw by mouse along points in pixels of the pad."""
    box = page.locator(".pad").bounding_box()
    scale = box["width"] / 28
    places = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def wait_for_completions(page):
    """Until the completions are those of what is on the pad."""
    page.wait_for_function(
        "document.querySelector('.completions').dataset.version"
        " === document.querySelector('.pad').dataset.version"
    )


def pixels(page, selector):
    """What a canvas shows, as text to compare."""
    return page.eval_on_selector(selector, "canvas => canvas.toDataURL()")


@pytest.mark.parametrize("width", [1440, 375])
def test_draw_by_mouse(visit, width):
    page = visit(width=width)
    expect(page.locator(".inviting")).to_be_visible()
    wait_for_completions(page)
    stroke(page, [(8, 6), (14, 3), (19, 6), (14, 12)])
    expect(page.locator(".inviting")).to_have_count(0)
    wait_for_completions(page)
    expect(page.locator(".completions .digit:enabled")).to_have_count(8)
    drawn = pixels(page, ".pad")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".inviting")).to_be_visible()
    page.get_by_role("button", name="Redo").click()
    wait_for_completions(page)
    assert pixels(page, ".pad")[:60] == drawn[:60]
    page.get_by_role("button", name="Completion 1,").click()
    expect(page.locator("#view-watch")).to_be_visible()
    expect(page.locator(".scrubber")).not_to_have_value("0")


def test_draw_by_keyboard(visit):
    page = visit()
    wait_for_completions(page)
    pad = page.locator(".pad")
    pad.focus()
    for key in ("Space", "Shift+ArrowRight", "Shift+ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    assert int(pad.get_attribute("data-version")) >= 2
    divider = page.get_by_role("slider", name="Rows you draw")
    divider.focus()
    page.keyboard.press("ArrowDown")
    expect(divider).to_have_attribute("aria-valuenow", "15")
    page.keyboard.press("End")
    expect(divider).to_have_attribute("aria-valuenow", "24")
    page.keyboard.press("Control+z")
    wait_for_completions(page)


def test_a_digit_can_be_asked_for_and_others_drawn(visit):
    page = visit()
    stroke(page, [(8, 6), (14, 3), (19, 6)])
    wait_for_completions(page)
    page.get_by_role("button", name="7: ").click()
    captions = page.locator(".completions .caption")
    expect(captions.first).to_contain_text("7 ·")
    before = captions.all_inner_texts()
    page.get_by_role("button", name="More").click()
    page.wait_for_function(
        "before => [...document.querySelectorAll('.completions .caption')]"
        ".some((caption, k) => caption.textContent !== before[k])",
        arg=before,
    )


def test_presets_come_from_the_model_and_can_be_erased(visit):
    page = visit()
    page.get_by_role("button", name="Start from top half 2").click()
    wait_for_completions(page)
    full = pixels(page, ".pad")
    page.get_by_role("button", name="Eraser").click()
    stroke(page, [(2, 2), (26, 2), (2, 5), (26, 8), (2, 11)])
    wait_for_completions(page)
    assert pixels(page, ".pad") != full
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".inviting")).to_be_visible()


def test_upload_of_a_picture_and_of_a_text_named_png(visit):
    page = visit()
    wait_for_completions(page)
    upload = page.locator("[name=upload]")
    upload.set_input_files(
        {"name": "digit.png", "mimeType": "image/png", "buffer": b"not a picture"}
    )
    expect(page.locator(".notice")).to_contain_text("not a picture that can be read")
    upload.set_input_files(
        {"name": "digit.png", "mimeType": "image/png", "buffer": picture_of_a_one()}
    )
    expect(page.locator(".inviting")).to_have_count(0)
    wait_for_completions(page)


def test_sample_by_keyboard_and_download(visit):
    page = visit("view=sample&count=5&seed=11")
    holder = page.locator(".samples")
    expect(holder).to_have_attribute("data-seed", "11")
    expect(page.locator(".samples .digit")).to_have_count(5)
    expect(page.locator(".samples .caption").first).to_contain_text("nats")
    seed = page.get_by_label("Seed", exact=True)
    seed.focus()
    seed.fill("12")
    page.keyboard.press("Enter")
    expect(holder).to_have_attribute("data-seed", "12")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    expect(holder).not_to_have_attribute("data-seed", "12")
    expect(seed).to_have_value(holder.get_attribute("data-seed"))
    kept = seed.input_value()
    page.get_by_label("keep the seed").check()
    page.get_by_label("Temperature").fill("0.5")
    page.get_by_role("button", name="Sample", exact=True).click()
    expect(page.locator(".sample-explained")).to_contain_text("On average")
    expect(holder).to_have_attribute("data-seed", kept)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PNG").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")


def test_a_sample_opens_in_watch_and_is_played_by_keyboard(visit):
    page = visit("view=sample&count=2&seed=3", width=375)
    page.get_by_role("button", name="Sample 2,").click()
    play = page.locator("[data-player=play]")
    expect(play).to_have_text("Pause")
    page.keyboard.press("Space")
    expect(play).to_have_text("Play")
    scrubber = page.locator(".scrubber")
    scrubber.fill("100")
    page.locator("[data-player=forward]").focus()
    page.keyboard.press("ArrowRight")
    expect(scrubber).to_have_value("101")
    page.keyboard.press("ArrowDown")
    expect(scrubber).to_have_value("129")
    expect(page.locator(".readout")).to_contain_text("row 4, column 16: p(ink)")
    page.get_by_role("button", name="Restart").click()
    expect(scrubber).to_have_value("0")


def test_watch_shows_the_field_and_saves_a_gif(visit):
    page = visit("view=watch&model=residual", motion="reduce")
    expect(page.locator(".scrubber")).to_have_value("784")
    blank = pixels(page, ".overlay")
    page.get_by_label("what this pixel can see").check()
    expect(page.locator(".watch-explained")).to_contain_text("Chequered")
    page.wait_for_function(
        "blank => document.querySelector('.overlay').toDataURL() !== blank", arg=blank
    )
    page.locator(".so-far").hover(position={"x": 30, "y": 100})
    expect(page.locator(".readout")).to_contain_text("row 7, column 2")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save GIF").click()
    data = Path(download.value.path()).read_bytes()
    assert data.startswith(b"GIF89a")
    assert len(data) < 1_000_000


def test_a_model_of_greys_without_classes(visit):
    page = visit()
    page.get_by_text("Greys").click()
    stroke(page, [(8, 6), (14, 3), (19, 6)])
    wait_for_completions(page)
    expect(page.locator(".posterior")).to_be_hidden()
    page.get_by_role("tab", name="Watch").click()
    expect(page.locator(".readout")).to_contain_text("of 3")


def test_a_link_brings_someone_else_to_the_same_drawing(visit):
    page = visit("view=draw&model=residual&seed=4")
    stroke(page, [(8, 6), (14, 3), (19, 6)])
    wait_for_completions(page)
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator(".notice")).to_contain_text("clipboard")
    link = page.evaluate("navigator.clipboard.readText()")
    other = visit(link.split("?")[1])
    expect(other.get_by_label("Residual")).to_be_checked()
    expect(other.locator(".inviting")).to_have_count(0)
    captions = page.locator(".completions .caption").all_inner_texts()
    expect(other.locator(".completions .caption")).to_have_text(captions)


def test_a_broken_link_still_opens_the_page(visit):
    page = visit("view=nowhere&model=none&rows=-1&seed=x&ink=%25%25&label=77")
    wait_for_completions(page)
    expect(page.locator("#view-draw")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])
def test_axe_finds_no_serious_fault(visit, width, scheme):
    page = visit(width=width, scheme=scheme, motion="reduce")
    wait_for_completions(page)
    found = []
    for view in ("Draw", "Sample", "Watch", "How it works"):
        page.get_by_role("tab", name=view).click()
        page.wait_for_timeout(300)
        faults = Axe().run(page, context=".pixelcnn").response["violations"]
        found += [(view, f["id"], f["nodes"][0]["html"]) for f in faults if f["impact"] in SERIOUS]
    assert found == []


def test_tabs_are_reached_by_keyboard(visit):
    page = visit()
    page.get_by_role("tab", name="Draw").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#view-sample")).to_be_visible()
    expect(page.get_by_role("tab", name="Sample")).to_be_focused()
