"""Pointers and keys as hands use them: several fingers, a pen's eraser, lost releases, other keyboards."""

import pytest
from playwright.sync_api import expect

from tests.page_browser import ink, mouse, on_pad, stroke, wait_for_completions

pytestmark = pytest.mark.browser

SEVEN = [(8, 6), (14, 3), (19, 6), (14, 12)]
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def drawn(page):
    """How many pixels hold ink, once they are painted."""
    page.evaluate(PAINTED)
    return 0 if page.locator(".inviting").count() else ink(page)


def test_a_second_finger_takes_the_stroke_back_and_neither_draws_until_both_are_lifted(
    visit, fingers
):
    page = visit(width=375)
    stroke(page, SEVEN)
    before = drawn(page)
    page.get_by_role("button", name="Undo").click()
    first, second, third = on_pad(page, [(4, 4), (22, 10), (8, 4)])
    fingers("touchStart", [first])
    fingers("touchMove", [third])
    assert drawn(page) > 0
    fingers("touchStart", [third, second])
    for shift in (4, 8, 12):
        fingers("touchMove", [(third[0], third[1] + shift), (second[0] - shift, second[1])])
    assert drawn(page) == 0
    fingers("touchEnd", [(third[0], third[1] + 12)])
    fingers("touchMove", [(third[0] + 20, third[1])])
    fingers("touchEnd")
    assert drawn(page) == 0
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    page.get_by_role("button", name="Redo").click()  # what was undone before is still there
    assert drawn(page) == before
    fingers("touchStart", [second])
    fingers("touchMove", [third])
    fingers("touchEnd")
    assert drawn(page) > before


# A pointer as a tablet's driver would tell of it; it need not exist.
POINTERS = """events => {
  const pad = document.querySelector(".pad");
  pad.setPointerCapture = () => {};
  const { left, top, width } = pad.getBoundingClientRect();
  for (const [type, pointerId, pointerType, x, y, button, buttons] of events) {
    const place = { clientX: left + (x * width) / 28, clientY: top + (y * width) / 28 };
    const pointer = { pointerId, pointerType, button, buttons, isPrimary: true };
    pad.dispatchEvent(new PointerEvent(type, { bubbles: true, ...place, ...pointer }));
  }
}"""
DOWN, MOVE, UP, CANCEL = "pointerdown", "pointermove", "pointerup", "pointercancel"


def pointers(page, *events):
    """Tell of pointers: (type, pointer, kind, x, y, button, buttons)."""
    page.evaluate(POINTERS, events)


def test_a_palm_does_nothing_while_a_pen_draws(visit):
    page = visit()
    pointers(page, (DOWN, 1, "pen", 4, 4, 0, 1), (MOVE, 1, "pen", 8, 4, -1, 1))
    before = drawn(page)
    assert before > 0
    pointers(page, (DOWN, 2, "touch", 20, 10, 0, 1), (MOVE, 2, "touch", 4, 12, -1, 1))
    assert drawn(page) == before
    pointers(page, (MOVE, 1, "pen", 12, 4, -1, 1), (UP, 1, "pen", 12, 4, 0, 0))
    after = drawn(page)
    assert after > before
    # A palm that came first gives way to the pen.
    pointers(page, (UP, 2, "touch", 4, 12, 0, 0), (DOWN, 3, "touch", 20, 10, 0, 1))
    pointers(page, (DOWN, 1, "pen", 4, 8, 0, 1), (UP, 1, "pen", 4, 8, 0, 0))
    assert after < drawn(page) < after + 15


def test_a_stroke_that_the_system_takes_for_a_gesture_of_its_own_is_taken_back(visit):
    page = visit()
    pointers(page, (DOWN, 1, "touch", 4, 4, 0, 1), (MOVE, 1, "touch", 18, 12, -1, 1))
    assert drawn(page) > 0
    pointers(page, (CANCEL, 1, "touch", 0, 0, 0, 0))
    assert drawn(page) == 0


@pytest.mark.parametrize("kind", ["mouse", "pen"])
def test_a_pointer_whose_release_was_lost_draws_no_more(visit, kind):
    page = visit()
    pointers(page, (DOWN, 1, kind, 4, 4, 0, 1), (MOVE, 1, kind, 8, 4, -1, 1))
    before = drawn(page)
    pointers(page, (MOVE, 1, kind, 20, 12, -1, 0), (MOVE, 1, kind, 4, 12, -1, 0))
    assert drawn(page) == before
    pointers(page, (DOWN, 1, kind, 20, 4, 0, 1), (MOVE, 1, kind, 24, 4, -1, 1))
    assert drawn(page) > before


def test_the_other_end_of_a_pen_erases(visit):
    page = visit()
    stroke(page, SEVEN)
    before = drawn(page)
    pressed = page.get_by_role("button", name="Eraser")
    pointers(page, (DOWN, 1, "pen", 8, 6, 5, 32), (MOVE, 1, "pen", 14, 3, -1, 32))
    pointers(page, (UP, 1, "pen", 14, 3, 5, 0))
    erased = drawn(page)
    assert erased < before
    expect(pressed).to_have_attribute("aria-pressed", "false")
    pointers(page, (DOWN, 1, "pen", 8, 6, 0, 1), (MOVE, 1, "pen", 14, 3, -1, 1))
    assert drawn(page) > erased


def test_what_changes_no_ink_is_no_step_of_undo(visit):
    page = visit()
    wait_for_completions(page)
    undo = page.get_by_role("button", name="Undo")
    page.get_by_role("button", name="Clear").click()
    stroke(page, [(10, 20), (18, 24)])  # below the divider
    page.get_by_role("button", name="Eraser").click()
    stroke(page, SEVEN)
    page.get_by_role("button", name="Eraser").click()
    expect(undo).to_be_disabled()
    stroke(page, SEVEN)
    stroke(page, SEVEN)  # the same again
    page.get_by_role("button", name="Clear").click()
    undo.click()
    assert drawn(page) > 0
    undo.click()
    assert drawn(page) == 0
    expect(undo).to_be_disabled()


# What a key is called where it is, and what it writes, on some keyboards.
KEYBOARDS = {
    "Latin": ("KeyZ", "z"),
    "French": ("KeyW", "z"),
    "Cyrillic": ("KeyZ", "я"),
    "Greek": ("KeyZ", "ζ"),
    "Hebrew": ("KeyZ", "ז"),
    "Arabic": ("KeyZ", "ئ"),
}
SHORTCUT = """([code, key, shiftKey, altKey]) => document.querySelector(".pad").dispatchEvent(
  new KeyboardEvent("keydown", { code, key, ctrlKey: true, shiftKey, altKey, bubbles: true }))"""


@pytest.mark.parametrize(("code", "key"), KEYBOARDS.values(), ids=KEYBOARDS)
def test_undo_and_redo_are_where_each_keyboard_has_them(visit, code, key):
    page = visit()
    stroke(page, SEVEN)
    before = drawn(page)
    page.evaluate(SHORTCUT, [code, key, False, True])  # of another programme
    assert drawn(page) == before
    page.evaluate(SHORTCUT, [code, key, False, False])
    assert drawn(page) == 0
    page.evaluate(SHORTCUT, [code, key.upper(), True, False])
    assert drawn(page) == before


def test_a_key_that_writes_another_letter_undoes_nothing(visit):
    page = visit()
    stroke(page, SEVEN)
    before = drawn(page)
    page.evaluate(SHORTCUT, ["KeyZ", "w", False, False])  # French
    assert drawn(page) == before


# Every place that takes keys, and every key with every other one held that means something to the browser.
TAKEN = """() => {
  const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", " "];
  const places = [...document.querySelectorAll(
    ".pixelcnn :is([tabindex='0'], [role=tab], button, select, input)")]
    .filter((each) => each.checkVisibility());
  const taken = [];
  for (const place of places) {
    for (const key of keys) {
      for (const held of ["altKey", "metaKey", "ctrlKey"]) {
        const event = new KeyboardEvent("keydown",
          { key, [held]: true, bubbles: true, cancelable: true });
        if (!place.dispatchEvent(event)) taken.push(`${held} ${key} at ${place.className || place.id}`);
      }
    }
  }
  return taken;
}"""


@pytest.mark.parametrize("view", ["draw", "sample", "watch", "how"])
def test_keys_of_the_browser_and_of_the_system_stay_theirs(visit, view):
    page = visit(f"view={view}", motion="reduce")
    there = {"watch": ".readout:has-text('row')", "how": "#view-how[data-seed]"}
    expect(page.locator(there.get(view, f"#view-{view} .digit:enabled")).first).to_be_visible()
    assert page.evaluate(TAKEN) == []
    expect(page.locator(f"#view-{view}")).to_be_visible()


def test_keys_beside_the_player_scroll_the_page(visit):
    page = visit("view=watch", motion="reduce", height=400)
    expect(page.locator(".readout")).to_contain_text("row")
    page.locator("h1").click()
    before = page.locator(".scrubber").input_value()
    page.keyboard.press("Space")
    page.wait_for_function("scrollY > 0")
    expect(page.locator("[data-player=play]")).to_have_text("Play")
    assert page.locator(".scrubber").input_value() == before


def test_a_drag_that_ends_outside_the_pad_ends(visit):
    page = visit()
    inside, outside = on_pad(page, [(8, 4), (40, 4)])
    mouse(page, [inside, outside])
    before = drawn(page)
    page.mouse.move(*on_pad(page, [(14, 10)])[0])
    assert drawn(page) == before
