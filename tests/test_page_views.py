"""Journeys through Sample and Watch in a real browser, by mouse and by keyboard."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.page_browser import devices, note_tasks, pixels

pytestmark = pytest.mark.browser


@devices
def test_sample_by_mouse(visit, device):
    page = visit("view=sample&count=3&seed=11", **device)
    holder = page.locator(".samples")
    expect(holder).to_have_attribute("data-seed", "11")
    slider = page.get_by_role("slider", name="Digits")
    box = slider.bounding_box()
    page.mouse.click(box["x"] + 2, box["y"] + box["height"] / 2)
    page.locator("[name=label]").select_option("7")
    page.get_by_role("button", name="Sample", exact=True).click()
    expect(page.locator(".samples .digit")).to_have_count(1)
    expect(page.get_by_role("button", name="Sample 1, a 7,")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PNG").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    page.get_by_role("button", name="Sample 1,").click()
    expect(page.locator("#view-watch")).to_be_visible()


@devices
def test_sample_by_keyboard(visit, device):
    page = visit("view=sample&count=5&seed=11", **device)
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
    page.get_by_label("keep the seed").focus()
    page.keyboard.press("Space")
    page.get_by_role("slider", name="Temperature").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Sample", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".sample-explained")).to_contain_text("On average")
    expect(holder).to_have_attribute("data-seed", kept)


def total(page):
    """Nats of the digit in Watch."""
    words = page.locator(".watch-explained")
    expect(words).to_contain_text("in all")
    return float(words.inner_text().split("so far, ")[1].split(" in all")[0])


@devices
def test_either_hand_is_sampled_and_watched_as_such(visit, device):
    page = visit("view=sample&count=3&seed=11", **device)
    captions = page.locator(".samples .caption")
    expect(captions).to_have_count(3)
    before = captions.all_inner_texts()
    hand = page.get_by_label("Hand")
    expect(hand).to_have_value("false")
    hand.select_option("any hand")
    page.get_by_label("Seed", exact=True).fill("11")
    asked = note_tasks(page)
    page.get_by_role("button", name="Sample", exact=True).click()
    expect(page.locator(".sample-explained")).to_contain_text("any place and size")
    nats = captions.all_inner_texts()
    assert nats != before
    page.get_by_role("button", name="Sample 2,").click()
    watched = total(page)
    assert {(task["kind"], task["freehand"]) for task in asked()} == {
        ("draw", True),
        ("read", True),
    }
    assert watched == pytest.approx(
        float(nats[1].removesuffix(" nats")), abs=0.6
    )  # both are rounded
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator(".notice")).to_contain_text("clipboard")
    page.goto(page.evaluate("navigator.clipboard.readText()"))
    assert total(page) == watched
    page.get_by_role("tab", name="Sample").click()
    page.goto(page.url.split("?")[0] + "?view=sample&count=3&seed=11&freehand=true")
    expect(captions).to_have_text(nats)
    page.get_by_text("Greys").click()
    expect(hand).to_be_hidden()
    expect(page.locator(".samples .digit")).to_have_count(3)
    page.get_by_text("Binary").click()
    expect(hand).to_have_value("false")


def test_the_digit_asked_for_last_is_the_one_that_is_watched(visit):
    page = visit("view=sample&count=8&seed=3", motion="reduce")
    expect(page.locator(".samples")).to_have_attribute("data-seed", "3")
    captions = page.locator(".samples .caption").all_inner_texts()
    nats = [float(caption.removesuffix(" nats")) for caption in captions]
    first, second = nats.index(max(nats)), nats.index(min(nats))
    assert nats[first] > nats[second] + 2
    page.evaluate(
        """() => {
          const post = Worker.prototype.postMessage;
          Worker.prototype.postMessage = function (message) {
            const held = message.traced && !window.held;
            window.held ||= message.traced;
            setTimeout(() => post.call(this, message), held ? 500 : 0);
          };
        }"""
    )
    page.get_by_role("button", name=f"Sample {first + 1},").click()
    page.get_by_role("tab", name="Sample").click()
    page.get_by_role("button", name=f"Sample {second + 1},").click()
    assert total(page) == pytest.approx(nats[second], abs=0.6)
    page.wait_for_timeout(800)
    assert total(page) == pytest.approx(nats[second], abs=0.6)


@devices
def test_watch_by_mouse(visit, device):
    page = visit("view=watch&model=residual", motion="reduce", **device)
    scrubber = page.locator(".scrubber")
    expect(scrubber).to_have_value("784")
    blank = pixels(page, ".overlay")
    page.get_by_label("what this pixel can see").check()
    expect(page.locator(".watch-explained")).to_contain_text("Chequered")
    page.wait_for_function(
        "blank => document.querySelector('.overlay').toDataURL() !== blank", arg=blank
    )
    size = page.locator(".so-far").bounding_box()["width"] / 28
    page.locator(".so-far").hover(position={"x": 2.5 * size, "y": 7.5 * size})
    expect(page.locator(".readout")).to_contain_text("row 7, column 2: p(ink)")
    page.locator(".expected").click(position={"x": 5.5 * size, "y": 9.5 * size})
    page.mouse.move(0, 0)
    expect(page.locator(".readout")).to_contain_text("row 9, column 5: p(ink)")
    page.mouse.click(10, 890)
    expect(page.locator(".readout")).to_contain_text("row 27, column 27: p(ink)")
    box = scrubber.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert 300 < int(scrubber.input_value()) < 480
    page.locator("[data-player=play]").click()
    expect(page.locator("[data-player=play]")).to_have_text("Pause")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save GIF").click()
    data = Path(download.value.path()).read_bytes()
    assert data.startswith(b"GIF89a")
    assert len(data) < 1_000_000


@devices
def test_watch_by_keyboard(visit, device):
    page = visit("view=sample&count=2&seed=3", **device)
    page.get_by_role("button", name="Sample 2,").focus()
    page.keyboard.press("Enter")
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
    page.get_by_role("button", name="Restart").focus()
    page.keyboard.press("Enter")
    expect(scrubber).to_have_value("0")


@devices
def test_a_pixel_is_asked_about_by_keyboard(visit, device):
    page = visit("view=watch", motion="reduce", **device)
    scrubber, readout = page.locator(".scrubber"), page.locator(".readout")
    expect(scrubber).to_have_value("784")
    scrubber.fill("300")  # ten rows and twenty pixels
    page.get_by_role("application", name="The digit so far").focus()
    expect(readout).to_contain_text("row 10, column 19")
    for key, place in (
        ("ArrowLeft", "row 10, column 18"),
        ("ArrowUp", "row 9, column 18"),
        ("End", "row 9, column 27"),
        ("ArrowRight", "row 10, column 0"),
        ("End", "row 10, column 19"),
        ("ArrowDown", "row 10, column 19"),  # nothing is drawn there
        ("Home", "row 10, column 0"),
    ):
        page.keyboard.press(key)
        expect(readout).to_contain_text(f"{place}: p(ink)")
        expect(readout).to_contain_text("nats")
    expect(scrubber).to_have_value("300")
    expect(readout).to_have_attribute("aria-live", "polite")
    page.keyboard.press("Space")
    expect(page.locator("[data-player=play]")).to_have_text("Pause")
    expect(readout).to_contain_text("row 10, column 0")
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    expect(readout).not_to_contain_text("row 10, column 0:")


def test_the_bars_of_watch_change_from_pixel_to_pixel(visit):
    page = visit("view=watch", motion="reduce")
    scrubber = page.locator(".scrubber")
    expect(scrubber).to_have_value("784")
    seen = set()
    for index in range(400, 412):  # within one row
        scrubber.fill(str(index))
        bars = page.locator(".watch-posterior .bar")
        seen.add(tuple(bars.evaluate_all("bars => bars.map((bar) => bar.title)")))
    assert len(seen) > 3


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_a_digit_plays_by_itself_unless_less_motion_is_asked_for(visit, motion):
    page = visit("view=watch", motion=motion)
    expected = "Pause" if motion == "no-preference" else "Play"
    expect(page.locator(".readout")).to_contain_text("row")
    expect(page.locator("[data-player=play]")).to_have_text(expected)
