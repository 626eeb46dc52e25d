"""Signs of work and of trouble: what is stale is faint; what cannot be reached is told, and comes back."""

import re

import pytest
from playwright.sync_api import expect

from tests.page_browser import stroke, wait_for_completions

pytestmark = pytest.mark.browser

SEVEN = [(8, 6), (14, 3), (19, 6), (14, 12)]


@pytest.fixture
def cut(tab):
    """Cut what matches off the network, until the function that comes back is called."""
    patterns = []

    def refuse(pattern):
        tab.route(pattern, lambda route: route.abort("connectionrefused"))
        patterns.append(pattern)
        return lambda: tab.unroute(pattern)

    yield refuse
    for pattern in patterns:
        tab.unroute(pattern)


# Chromium logs each request that fails; the page itself must not.
CUT = re.compile(r"^Failed to load resource: net::ERR_")

HOLD = """() => {
  const post = Worker.prototype.postMessage;
  const held = [];
  Worker.prototype.postMessage = function (message) {
    if (message.kind && !window.free) held.push(() => post.call(this, message));
    else post.call(this, message);
  };
  window.release = () => {
    window.free = true;
    for (const each of held.splice(0)) each();
  };
}"""


def hold(page):
    """From now on workers are told nothing, until the function that comes back is called."""
    page.evaluate(HOLD)
    return lambda: page.evaluate("window.release()")


def opacity(locator):
    return float(locator.evaluate("element => getComputedStyle(element).opacity"))


def trouble(page):
    return page.get_by_role("alert")


def test_completions_of_another_choice_are_faint_until_those_of_this_one_are_there(visit):
    page = visit(motion="reduce")
    stroke(page, SEVEN)
    wait_for_completions(page)
    holder, first = page.locator(".completions"), page.locator(".completions .pixels").first
    expect(holder).to_have_attribute("aria-busy", "false")
    assert opacity(first) == 1
    release = hold(page)
    page.get_by_role("button", name="3: ").click()
    expect(page.locator(".completions .stale")).to_have_count(8)
    expect(holder).to_have_attribute("aria-busy", "true")
    assert opacity(first) < 0.5
    release()
    expect(page.locator(".completions .stale")).to_have_count(0)
    expect(holder).to_have_attribute("aria-busy", "false")
    expect(page.locator(".completions .caption").first).to_contain_text("3 ·")
    assert opacity(first) == 1


def test_a_choice_that_is_taken_back_leaves_nothing_faint(visit):
    page = visit(motion="reduce")
    stroke(page, SEVEN)
    wait_for_completions(page)
    bar = page.get_by_role("button", name="3: ")
    bar.dblclick()
    expect(bar).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".completions .stale")).to_have_count(0)
    expect(page.locator(".completions")).to_have_attribute("aria-busy", "false")


def test_completions_of_another_model_are_faint_while_its_weights_come(visit, tab):
    page = visit(motion="reduce")
    stroke(page, SEVEN)
    wait_for_completions(page)
    waiting = []
    tab.route("**/residual/model.safetensors", lambda route: waiting.append(route))
    page.get_by_text("Residual").click()
    expect(page.locator(".draw-explained")).to_contain_text("Fetching the model")
    expect(page.locator(".completions .stale")).to_have_count(8)
    for route in waiting:
        route.continue_()
    tab.unroute("**/residual/model.safetensors")
    expect(page.locator(".completions .stale")).to_have_count(0)
    expect(page.locator(".draw-explained")).to_contain_text("nats")


def test_samples_of_other_settings_are_faint(visit):
    page = visit("view=sample&count=3&seed=5", motion="reduce")
    samples, words = page.locator(".samples"), page.locator(".sample-explained")
    expect(samples).to_have_attribute("data-seed", "5")
    first = page.locator(".samples .pixels").first
    label = page.locator("[name=label]")
    label.select_option("7")
    expect(words).to_contain_text("other settings: press Sample")
    assert opacity(first) < 0.5
    label.select_option("any")
    expect(words).to_contain_text("On average")
    assert opacity(first) == 1
    release = hold(page)
    label.select_option("7")
    page.get_by_role("button", name="Sample", exact=True).click()
    expect(words).to_have_text("Drawing …")
    expect(samples).to_have_attribute("aria-busy", "true")
    assert opacity(first) < 0.5
    release()
    expect(words).to_contain_text("On average")
    expect(samples).to_have_attribute("aria-busy", "false")
    assert opacity(first) == 1


def test_samples_that_another_view_put_off_are_drawn_on_coming_back(visit):
    page = visit("view=sample&count=3&seed=5", motion="reduce")
    expect(page.locator(".samples")).to_have_attribute("data-seed", "5")
    release = hold(page)
    page.get_by_label("Seed", exact=True).fill("6")
    page.get_by_role("button", name="Sample", exact=True).click()
    page.get_by_role("tab", name="Watch").click()  # it asks for a digit of its own
    release()
    expect(page.locator(".readout")).to_contain_text("row")
    page.get_by_role("tab", name="Sample").click()
    expect(page.locator(".samples")).to_have_attribute("data-seed", "6")
    expect(page.locator(".sample-explained")).to_contain_text("On average")


REFUSE = """() => {
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message) {
    if (!message.kind) return post.call(this, message);
    Worker.prototype.postMessage = post;
    this.onmessage({ data: { id: message.id, refused: "No digit today." } });
  };
}"""


@pytest.mark.parametrize(
    ("query", "words", "again"),
    [
        ("view=sample&count=3&seed=5", ".sample-explained", "Sample"),
        ("view=watch", ".watch-explained", "Another digit"),
    ],
)
def test_a_refusal_takes_the_place_of_the_sentence_on_work(visit, query, words, again):
    page = visit("view=how", motion="reduce")
    expect(page.locator("#view-how[data-seed]")).to_be_visible()
    page.evaluate(REFUSE)
    name = "Watch" if "watch" in query else "Sample"
    page.get_by_role("tab", name=name).click()
    expect(page.locator(words)).to_have_text("No digit today.")
    expect(page.locator(f"#view-{name.lower()} [aria-busy]")).to_have_attribute(
        "aria-busy", "false"
    )
    page.get_by_role("button", name=again, exact=True).click()
    expect(page.locator(words)).to_contain_text("nats")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "*"])
def test_weights_that_cannot_be_fetched_are_told_and_asked_for_again(visit, cut, file):
    mend = cut(f"**/weights/binary/{file}")
    page = visit(ready=False, forgive=CUT)
    expect(trouble(page)).to_contain_text("The model binary cannot be fetched.")
    expect(page.locator(".draw-explained")).not_to_contain_text("Fetching")
    mend()
    page.get_by_role("button", name="Try now").click()
    expect(trouble(page)).to_be_hidden()
    wait_for_completions(page)
    expect(page.locator(".completions .digit:enabled")).not_to_have_count(0)


def test_an_engine_that_cannot_be_fetched_is_asked_for_again_by_itself(visit, cut):
    mend = cut("**/engine/engine.wasm")
    page = visit(ready=False, forgive=CUT)
    expect(trouble(page)).to_contain_text("cannot be fetched")
    mend()
    expect(trouble(page)).to_be_hidden()
    wait_for_completions(page)


FAINT = "getComputedStyle(document.querySelector('.completions .pixels')).opacity < 0.5"


def test_a_model_that_cannot_be_fetched_is_given_up_for_another(visit, cut):
    mend = cut("**/weights/residual/*")
    page = visit(forgive=CUT)
    wait_for_completions(page)
    page.get_by_text("Residual").click()
    expect(trouble(page)).to_contain_text("The model residual cannot be fetched.")
    page.wait_for_function(FAINT)  # they are the other model's
    page.get_by_text("Greys").click()
    expect(trouble(page)).to_be_hidden()
    expect(page.locator(".posterior")).to_be_hidden()
    wait_for_completions(page)
    page.wait_for_function(FAINT.replace("< 0.5", "== 1"))
    mend()
    page.get_by_text("Residual").click()
    expect(page.locator(".posterior")).to_be_visible()
    wait_for_completions(page)


@pytest.mark.parametrize(
    ("opens", "files", "name"),
    [
        ("tab", "**/js/how/view.js", "How it works"),
        ("tab", "**/css/how.css", "How it works"),
        ("button", "**/js/tour.js", "The tour"),
    ],
)
def test_what_is_loaded_later_is_fetched_again_when_it_can_be_had(visit, cut, opens, files, name):
    mend = cut(files)
    page = visit(forgive=CUT)
    wait_for_completions(page)
    page.get_by_role(opens, name="How it works" if opens == "tab" else "Take the tour").click()
    expect(trouble(page)).to_contain_text(f"{name} cannot be fetched.")
    mend()
    trouble(page).get_by_role("button").click()
    expect(page.locator("#view-how[data-seed], .tour")).to_be_visible()
    expect(trouble(page)).to_be_hidden()


SERVER = "**/component_server**"


def test_a_dead_server_is_told_and_answers_again_once_it_is_back(visit, no_simd, cut):
    page = visit("view=draw&seed=1", gradio=True, forgive=CUT)
    wait_for_completions(page)
    expect(trouble(page)).to_be_hidden()
    mend = cut(SERVER)
    stroke(page, SEVEN)
    expect(trouble(page)).to_contain_text("The server does not answer.")
    expect(page.locator(".completions")).to_have_attribute("aria-busy", "true")
    mend()
    page.get_by_role("button", name="Try now").click()
    expect(trouble(page)).to_be_hidden()
    wait_for_completions(page)
    expect(page.locator(".completions .digit:enabled")).to_have_count(8)


def test_every_view_waits_for_a_dead_server_and_goes_on_by_itself(visit, no_simd, cut):
    page = visit("view=how", gradio=True, motion="reduce", forgive=CUT)
    mend = cut(SERVER)
    page.get_by_role("tab", name="Sample").click()
    expect(trouble(page)).to_contain_text("The server does not answer.")
    expect(page.locator(".sample-explained")).to_have_text("")
    page.get_by_role("tab", name="Watch").click()
    expect(page.locator(".stage")).to_have_attribute("aria-busy", "true")
    expect(page.locator(".watch-explained")).to_have_text("")
    mend()
    expect(page.locator(".watch-explained")).to_contain_text("in all")
    expect(trouble(page)).to_be_hidden()
    page.get_by_role("tab", name="Sample").click()
    expect(page.locator(".samples .digit:enabled")).to_have_count(16)
    page.get_by_role("tab", name="Draw").click()
    wait_for_completions(page)
