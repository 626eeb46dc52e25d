"""What the page holds from view to view: the model, the player, the place, the focus, its memory."""

import pytest
from playwright.sync_api import expect

from tests.page_browser import stroke, wait_for_completions
from tests.test_page_trouble import hold

pytestmark = pytest.mark.browser

SEVEN = [(8, 6), (14, 3), (19, 6), (14, 12)]


def test_a_model_that_is_left_by_back_leaves_no_trace(visit, tab):
    page = visit("view=draw&seed=4", motion="reduce")
    stroke(page, SEVEN)
    wait_for_completions(page)
    page.get_by_role("tab", name="Sample").click()
    expect(page.locator(".samples .digit:enabled")).to_have_count(16)
    waiting = []
    tab.route("**/gray/config.json", lambda route: waiting.append(route))
    page.get_by_text("Greys").click()
    expect(page.locator(".pixelcnn.choosing")).to_be_visible()
    page.go_back()
    expect(page.locator("#view-draw")).to_be_visible()
    for late in (False, True):  # before the config comes, and after it
        expect(page.get_by_label("Binary")).to_be_checked()
        expect(page.locator(".pixelcnn.choosing")).to_have_count(0)
        if not late:
            for route in waiting:
                route.continue_()
            page.wait_for_timeout(300)
    tab.unroute_all()


def test_nothing_plays_behind_another_view(visit):
    page = visit("view=sample&count=2&seed=3")
    expect(page.locator(".samples")).to_have_attribute("data-seed", "3")
    release = hold(page)
    page.get_by_role("button", name="Sample 1,").click()
    page.get_by_role("tab", name="Draw").click()
    release()
    wait_for_completions(page)
    page.wait_for_timeout(500)
    assert page.locator("[data-player=play]").text_content() == "Play"
    page.get_by_role("tab", name="Watch").click()
    expect(page.locator("[data-player=play]")).to_have_text("Pause")


def test_the_player_goes_at_its_speed_however_it_was_started(scripts):
    once, often = scripts(
        """const { Player } = await load("js/player.js");
        const { requestAnimationFrame: ask, cancelAnimationFrame: drop } = window;
        const due = new Map();
        let count = 0;
        window.requestAnimationFrame = (frame) => (due.set(++count, frame), count);
        window.cancelAnimationFrame = (id) => due.delete(id);
        const travelled = (presses) => {
          const player = new Player(() => null);
          player.load(78400, 0);
          for (let k = 0; k < presses; k++) player.toggle();
          for (let now = 0; now <= 1000; now += 100) {
            const frames = [...due.values()];
            due.clear();
            for (const frame of frames) frame(now);
          }
          player.pause();
          return player.position;
        };
        const result = [travelled(1), travelled(5)];
        Object.assign(window, { requestAnimationFrame: ask, cancelAnimationFrame: drop });
        return result;"""
    )
    assert often == pytest.approx(once)
    assert once == pytest.approx(78400 / 8)  # eight seconds for all


def test_comparisons_and_going_back_leave_nothing_in_memory(visit, tab):
    page = visit("seed=4", motion="reduce")
    wait_for_completions(page)
    session = tab.context.new_cdp_session(tab)

    def nodes():
        for _ in range(3):
            session.send("HeapProfiler.collectGarbage")
            page.wait_for_timeout(100)
        counts = session.send("Memory.getDOMCounters")
        return counts["nodes"], counts["jsEventListeners"]

    def compare(times):
        for _ in range(times):
            for name in ("residual", ""):
                page.locator("[name=compare]:visible").select_option(name)
                there = expect(page.locator("#view-draw .rival .digit"))
                there.to_have_count(8 if name else 0)

    compare(2)  # what is made once is made
    before = nodes()
    compare(8)
    after = nodes()
    session.detach()
    assert after[0] < before[0] + 60  # one comparison has some 90, and was kept each time
    assert after[1] < before[1] + 15


PLACES = [
    {"width": 1024, "height": 768, "scroll": 296},
    {"width": 812, "height": 375, "scroll": 60},
    {"width": 375, "height": 667, "scroll": 300},
    {"width": 360, "height": 640, "scroll": 396},
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place['width']}x{place['height']}")
def test_watch_opens_with_the_digit_in_sight_and_back_comes_back_to_the_same_place(
    visit, finger, place
):
    page = visit("seed=4", width=place["width"], height=place["height"])
    stroke(page, SEVEN)
    wait_for_completions(page)
    page.evaluate("top => scrollTo(0, top)", place["scroll"])
    before = page.evaluate("scrollY")
    pressed = page.locator(".completions .digit").nth(5)
    pressed.evaluate("digit => { digit.focus({ preventScroll: true }); digit.click(); }")
    screen = page.locator(".so-far")
    expect(page.locator("[data-player=play]")).to_have_text("Pause")
    expect(screen).to_be_in_viewport(ratio=1)
    page.go_back()
    expect(page.locator("#view-draw")).to_be_visible()
    page.wait_for_timeout(300)
    assert abs(page.evaluate("scrollY") - before) <= 1
    expect(pressed).to_be_focused()


def focus(page):
    return page.evaluate("document.activeElement.tagName")


def test_the_focus_is_never_lost(visit, tab):
    page = visit("seed=4", motion="reduce", forgive=None)
    wait_for_completions(page)
    stroke(page, SEVEN)
    for name in ("Undo", "Redo"):
        page.get_by_role("button", name=name).focus()
        page.keyboard.press("Enter")
        page.wait_for_timeout(100)
        assert focus(page) == "BUTTON", name
    wait_for_completions(page)
    page.locator(".completions .digit").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-player=play]")).to_be_focused()
    page.get_by_role("button", name="Another digit").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    page.go_back()
    page.go_back()
    expect(page.locator("#view-draw")).to_be_visible()
    expect(page.locator(".completions .digit").first).to_be_focused()
    page.go_forward()
    expect(page.locator("#view-watch")).to_be_visible()
    page.wait_for_timeout(100)
    assert focus(page) == "BUTTON"
