"""Journeys through Draw in a real browser: by mouse, by keyboard, by touch."""

import pytest
import torch
from playwright.sync_api import expect

from pixelcnn.store.folder import TYPICALITY, WEIGHTS, save
from tests.page_browser import (
    devices,
    ink,
    mouse,
    note_tasks,
    on_pad,
    pixels,
    stroke,
    wait_for_completions,
)
from tests.page_server import picture_of_a_one, tiny_models, usual

pytestmark = pytest.mark.browser

SEVEN = [(8, 6), (14, 3), (19, 6), (14, 12)]


@devices
def test_draw_by_mouse(visit, device):
    page = visit(**device)
    expect(page.locator(".inviting")).to_be_visible()
    wait_for_completions(page)
    stroke(page, SEVEN)
    expect(page.locator(".inviting")).to_have_count(0)
    wait_for_completions(page)
    expect(page.locator(".completions .digit:enabled")).to_have_count(8)
    drawn = ink(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".inviting")).to_be_visible()
    page.get_by_role("button", name="Redo").click()
    wait_for_completions(page)
    assert ink(page) == drawn
    page.get_by_role("button", name="Completion 1,").click()
    expect(page.locator("#view-watch")).to_be_visible()
    expect(page.locator(".scrubber")).not_to_have_value("0")


@devices
def test_at_first_touch_the_page_says_what_it_is_and_what_one_can_do(visit, device):
    page = visit(height=800, **device)
    wait_for_completions(page)
    expect(page.locator(".title p")).to_contain_text(
        "You begin a digit; a neural network finishes it"
    )
    expect(page.locator(".title p")).to_be_in_viewport()
    expect(page.get_by_text("Pick one to watch it being drawn")).to_be_visible()
    expect(page.get_by_text("Pick one to complete as it")).to_be_visible()
    said = (
        "() => getComputedStyle(document.querySelector('.pad-frame .divider'), '::after').content"
    )
    assert "drag" in page.evaluate(said)
    expect(page.locator(".guide")).to_have_css("opacity", "1")
    stroke(page, SEVEN)
    expect(page.locator(".guide")).to_have_css("opacity", "0")
    assert "drag" in page.evaluate(said)  # it was not moved yet
    page.get_by_role("slider", name="Rows you draw").press("ArrowDown")
    assert "drag" not in page.evaluate(said)


@devices
def test_models_are_a_choice_with_a_sentence_each_and_come_later_on_a_phone(visit, device):
    page = visit(**device)
    choice = page.get_by_role("group", name="Model")
    expect(choice.get_by_role("radio")).to_have_count(3)
    for label, sentence in (
        ("Binary", "Ink or paper"),
        ("Greys", "Sixteen shades"),
        ("Residual", "never told which digit is which"),
    ):
        expect(choice.locator("label", has_text=label)).to_contain_text(sentence)
    below = choice.bounding_box()["y"] > page.locator(".completions").bounding_box()["y"]
    assert below == (device["width"] < 900)
    page.set_viewport_size({"width": 1440 if below else 375, "height": 900})
    page.wait_for_function(
        "below => below === Boolean(document.querySelector('.masthead .models'))", arg=below
    )
    choice.get_by_label("Residual").check()
    expect(choice.get_by_label("Residual")).to_be_checked()


def test_a_move_that_fills_no_further_pixel_asks_for_nothing(visit):
    page = visit()
    wait_for_completions(page)
    stroke(page, SEVEN)
    wait_for_completions(page)
    asked = note_tasks(page)
    version = page.locator(".completions").get_attribute("data-version")
    stroke(page, SEVEN)  # over the same ink, but for some shades at its rim
    page.locator("[name=pen]").fill("1")
    stroke(page, [(14, 3), (14.2, 3.1)])
    wait_for_completions(page)
    assert asked() == []
    stroke(page, [(3, 3), (3, 6)])
    page.wait_for_function(
        "before => document.querySelector('.completions').dataset.version !== before", arg=version
    )
    assert asked()


@devices
def test_draw_by_keyboard(visit, device):
    page = visit(**device)
    wait_for_completions(page)
    pad = page.locator(".pad")
    pad.focus()
    for key in ("Space", "Shift+ArrowRight", "Shift+ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    assert int(pad.get_attribute("data-version")) >= 2
    page.keyboard.press("Control+z")
    wait_for_completions(page)
    page.get_by_role("button", name="Completion 2,").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#view-watch")).to_be_visible()
    expect(page.locator("[data-player=play]")).to_be_focused()


PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def test_a_line_drawn_by_keys_is_undone_at_once(visit):
    page = visit()
    wait_for_completions(page)
    page.locator(".pad").focus()
    counts = [0]
    up = ["ArrowUp"] * 4
    for keys in (["Shift+ArrowRight"] * 5, up + ["Shift+ArrowLeft"] * 5, [*up, "Space"]):
        for key in keys:
            page.keyboard.press(key)
        page.evaluate(PAINTED)
        counts.append(ink(page))
    page.keyboard.press("Shift+ArrowRight")
    assert counts == sorted(counts)
    for count in reversed(counts):
        page.keyboard.press("Control+z")
        page.evaluate(PAINTED)
        assert ink(page) == count or count == 0
    expect(page.locator(".inviting")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_on_a_phone_all_completions_are_in_sight_of_the_pad(visit):
    page = visit(width=375, height=800)
    wait_for_completions(page)
    expect(page.locator(".pad")).to_be_in_viewport(ratio=1)
    for digit in page.locator(".completions .pixels").all():
        expect(digit).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("where", ["beside the pad", "on the completions"])
def test_a_finger_scrolls_the_page_beside_the_pad(visit, finger, where):
    page = visit(width=375, height=667)
    wait_for_completions(page)
    box = page.locator(".pad").bounding_box()
    x, y = (box["x"] + box["width"] + 14, 450) if where == "beside the pad" else (180, 620)
    finger([(x, y), (x, y - 200)])
    page.wait_for_function("scrollY > 100")
    assert page.locator(".pad").get_attribute("data-version") == "0"


def test_a_finger_draws_on_the_pad_and_scrolls_nothing(visit, finger):
    page = visit(width=375, height=667)
    wait_for_completions(page)
    finger(on_pad(page, [(8, 12), (8, 2)]))
    expect(page.locator(".inviting")).to_have_count(0)
    wait_for_completions(page)  # by then the page would have moved
    assert page.evaluate("scrollY") == 0


TOUCH_ACTION = "selector => getComputedStyle(document.querySelector(selector)).touchAction"


def test_draw_by_touch(visit, finger):
    page = visit(width=375)
    wait_for_completions(page)
    page.evaluate("document.addEventListener('pointercancel', () => (window.cancelled = true))")
    finger(on_pad(page, [(14, 12), (14, 2), (8, 3)]))
    expect(page.locator(".inviting")).to_have_count(0)
    wait_for_completions(page)
    assert 25 < ink(page) < 100
    # A browser that took the stroke for a scroll would have cancelled it. (Without a screen it scrolls by
    # no touch at all, so the rule that keeps real ones from it is looked at too.)
    assert page.evaluate("[window.scrollY, window.cancelled]") == [0, None]
    assert [
        page.evaluate(TOUCH_ACTION, each) for each in (".pad", ".pad-frame .divider", ".answers")
    ] == [
        "none",
        "none",
        "auto",
    ]


def grip(page):
    """Where the divider is taken."""
    box = page.locator(".pad-frame .divider").bounding_box()
    return box["x"] + box["width"] - 4, box["y"] + box["height"] / 2


@pytest.mark.parametrize("pointer", ["mouse", "finger"])
@devices
def test_the_divider_is_dragged_from_4_to_24(visit, finger, device, pointer):
    page = visit(**device)
    stroke(page, SEVEN)
    divider = page.get_by_role("slider", name="Rows you draw")
    drag = finger if pointer == "finger" else lambda places: mouse(page, places)
    for target, rows in ((20, 20), (27.5, 24), (1, 4), (10, 10)):
        x, y = grip(page)
        drag([(x, y), (x, on_pad(page, [(0, target)])[0][1])])
        expect(divider).to_have_attribute("aria-valuenow", str(rows))
    wait_for_completions(page)
    assert page.evaluate("window.scrollY") == 0


def test_the_divider_is_moved_by_keyboard(visit):
    page = visit()
    divider = page.get_by_role("slider", name="Rows you draw")
    divider.focus()
    for key, rows in (("ArrowDown", 15), ("End", 24), ("ArrowDown", 24), ("ArrowUp", 23)):
        page.keyboard.press(key)
        expect(divider).to_have_attribute("aria-valuenow", str(rows))
    for key, rows in (("Home", 4), ("ArrowUp", 4), ("ArrowRight", 5)):
        page.keyboard.press(key)
        expect(divider).to_have_attribute("aria-valuenow", str(rows))
    wait_for_completions(page)


def test_completions_that_coincide_are_shown_once(visit, tab, tmp_path):
    sure = tiny_models()["binary"]
    with torch.no_grad():
        sure.network.head.out.weight.zero_()
        sure.network.head.out.bias.fill_(-30)  # no ink, ever
    save(sure, tmp_path)
    tab.route("**/binary/model.safetensors", lambda route: route.fulfill(path=tmp_path / WEIGHTS))
    page = visit()
    stroke(page, SEVEN)
    wait_for_completions(page)
    expect(page.locator(".draw-explained")).to_contain_text("draws brought only this one")
    expect(page.locator(".completions .digit:visible")).to_have_count(1)
    tab.unroute_all()
    page.get_by_text("Greys").click()
    expect(page.locator(".completions .digit:visible")).to_have_count(8)
    expect(page.locator(".draw-explained")).not_to_contain_text("draws brought")


def test_a_digit_can_be_asked_for_and_others_drawn(visit):
    page = visit()
    stroke(page, SEVEN)
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


def test_a_drawing_unlike_all_digits_is_said_to_be_one(visit, tab, tmp_path):
    usual(tiny_models()["binary"], up_to=1).save(tmp_path / TYPICALITY)
    tab.route("**/binary/typicality.json", lambda route: route.fulfill(path=tmp_path / TYPICALITY))
    page = visit()
    stroke(page, SEVEN)
    wait_for_completions(page)
    expect(
        page.get_by_role("heading", name="Unlike any digit that the model knows")
    ).to_be_visible()
    tab.unroute_all()
    page = visit()
    stroke(page, SEVEN)
    wait_for_completions(page)
    expect(page.get_by_role("heading", name="Which digit is it?")).to_be_visible()


def test_a_scribble_is_never_a_digit_by_100_percent(visit):
    page = visit()
    wait_for_completions(page)
    page.evaluate(
        """async () => {
          const { Posterior } = await import(new URL('js/posterior.js', location.href));
          const shown = new Posterior(document.querySelector('.posterior'), () => null);
          shown.setModel({ classes: 10 });
          shown.show({ posterior: [0.99999, ...new Array(9).fill(1e-6)], typicality: 0.001 });
        }"""
    )
    expect(page.get_by_role("heading", name="Unlike any digit")).to_be_visible()
    bars = page.locator(".posterior .bar")
    expect(bars).to_have_count(10)
    named = "(all, name) => all.map((each) => each.getAttribute(name))"
    for name in ("title", "aria-label"):
        assert not [each for each in bars.evaluate_all(named, name) if "%" in each or "100" in each]


def test_no_digit_is_probable_by_100_percent(visit):
    page = visit()
    wait_for_completions(page)
    page.evaluate(
        """async () => {
          const { makeBars } = await import(new URL('js/bars.js', location.href));
          const bars = makeBars(document.querySelector('.posterior .bars'), 10, () => null);
          bars.set([1, ...new Array(9).fill(0)]);
        }"""
    )
    first = page.locator(".posterior .bar").first
    expect(first).to_have_attribute("title", "0: over 99.9 %")
    expect(first).to_have_accessible_name("0: over 99 %; complete as it")


def test_one_bit_is_not_bits(visit):
    said = visit().evaluate(
        """async () => {
          const { natsSentence } = await import(new URL('js/words.js', location.href));
          return [0.8, 2].map((nats) => natsSentence(nats, 'it'));
        }"""
    )
    told = "the model would need {} to write down it."
    assert said == [f"1 nat: {told.format('1 bit')}", f"2 nats: {told.format('3 bits')}"]


def test_temperature_is_chosen_and_0_explained(visit):
    page = visit("seed=4")
    wait_for_completions(page)
    stroke(page, SEVEN)
    wait_for_completions(page)
    words = page.locator(".draw-explained")
    expect(words).to_contain_text("bits to write down")
    expect(words).not_to_contain_text("temperature")
    asked = note_tasks(page)
    slider = page.get_by_role("slider", name="Temperature")
    slider.fill("0")
    expect(words).to_contain_text("the likeliest single pixel is nearly always paper")
    assert {task["temperature"] for task in asked() if task["kind"] == "draw"} == {0}
    expect(page.locator(".temperature output")).to_have_text("0")
    captions = page.locator(".completions .digit:visible .caption")
    before = captions.all_inner_texts()
    page.wait_for_function("location.search.includes('temperature=0')")
    page.goto(page.url)
    expect(slider).to_have_value("0")
    expect(captions).to_have_text(before)
    expect(words).to_contain_text("nearly always paper")
    slider.fill("1")
    expect(words).not_to_contain_text("nearly always paper")
    page.wait_for_function("!location.search.includes('temperature')")


@devices
def test_a_preset_is_taken_and_can_be_erased(visit, device):
    page = visit(**device)
    page.get_by_role("button", name="Start from top half 2").click()
    expect(page.locator(".pad")).to_be_in_viewport(ratio=1)  # however far down the button was
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


def test_a_model_of_greys_without_classes(visit):
    page = visit()
    page.get_by_text("Greys").click()
    stroke(page, SEVEN)
    wait_for_completions(page)
    expect(page.locator(".posterior")).to_be_hidden()
    page.get_by_role("tab", name="Watch").click()
    expect(page.locator(".readout")).to_contain_text("of 3")


@pytest.mark.parametrize(("name", "knows_both"), [("binary", True), ("residual", False)])
def test_the_pad_is_read_as_any_hand_where_the_model_knows_it(visit, name, knows_both):
    page = visit(f"model={name}")
    wait_for_completions(page)
    asked = note_tasks(page)
    stroke(page, SEVEN)
    wait_for_completions(page)
    page.get_by_role("button", name="Completion 1,").click()
    expect(page.locator(".watch-explained")).to_contain_text("in all")
    hands = {(task["kind"], task.get("traced", False), task["freehand"]) for task in asked()}
    assert hands == {
        ("read", False, knows_both),
        ("draw", False, knows_both),
        ("read", True, knows_both),
    }
