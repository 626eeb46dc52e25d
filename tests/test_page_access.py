"""The page by keyboard, by ear, with few colours, and its ways out; axe in every state."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.page_browser import stroke, wait_for_completions
from tests.page_server import SPACE, server_url

pytestmark = pytest.mark.browser

SEVEN = [(8, 6), (14, 3), (19, 6), (14, 12)]
CUT = re.compile(r"^Failed to load resource: net::ERR_")


MOVE = """async () => {
  const divider = document.querySelector(".pad-frame .divider");
  for (let k = 0; k < 6; k++) {
    divider.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
    await new Promise((done) => setTimeout(done, 150));
  }
}"""


def test_a_result_is_told_once_it_has_settled_and_not_at_every_move(visit):
    page = visit()
    wait_for_completions(page)
    page.evaluate(
        """() => {
          window.told = [];
          const region = document.querySelector(".announcement");
          new MutationObserver(() => window.told.push(region.textContent))
            .observe(region, { childList: true, characterData: true, subtree: true });
        }"""
    )
    stroke(page, SEVEN)
    region = page.locator(".announcement")
    expect(region).to_have_text(
        re.compile(
            r"^Completed; most likely a \d, (over |under )?\d\d? %\. "
            r"The best completion: a \d, \d+ nats\.$"
        )
    )
    expect(region).to_have_attribute("aria-live", "polite")
    assert len(page.evaluate("window.told")) == 1
    page.evaluate(MOVE)  # each row moved brings other completions
    page.wait_for_function("window.told.length > 1")
    wait_for_completions(page)
    assert len(page.evaluate("window.told")) == 2
    bar = page.locator(".posterior .bar").nth(int(region.inner_text().split("likely a ")[1][0]))
    heights = page.locator(".posterior .fill").evaluate_all(
        "all => all.map((fill) => Number(fill.style.transform.slice(7, -1)))"
    )
    assert bar.evaluate("bar => [...bar.parentElement.children].indexOf(bar)") == heights.index(
        max(heights)
    )


SHOWN = "keys => getComputedStyle(keys).clipPath === 'none'"


@pytest.mark.parametrize(
    ("view", "place", "words"),
    [
        ("draw", ".pad", "shift with an arrow key draws a line"),
        ("watch", ".so-far", "Space plays and pauses"),
    ],
)
def test_the_first_tab_lands_on_the_canvas_and_shows_its_keys(visit, view, place, words):
    page = visit(f"view={view}", motion="reduce")
    keys = page.locator(f"#view-{view} .keys")
    assert not keys.evaluate(SHOWN)
    page.keyboard.press("Tab")
    expect(page.locator(place)).to_be_focused()
    expect(keys).to_contain_text(words)
    assert keys.evaluate(SHOWN)
    page.keyboard.press("Shift+Tab")  # what stands before it is reached that way
    expect(page.locator(place)).not_to_be_focused()
    assert not keys.evaluate(SHOWN)


def test_a_pointer_does_not_bring_the_help_for_keys_and_frees_the_first_tab(visit):
    page = visit()
    stroke(page, SEVEN)
    assert not page.locator("#pad-keys").evaluate(SHOWN)
    page.keyboard.press("Tab")
    expect(page.locator(".pad")).not_to_be_focused()


CHOSEN = """selector => {
  const [chosen, other] = [true, false].map((on) =>
    [...document.querySelectorAll(selector)].find((each) =>
      (each.ariaSelected ?? each.ariaPressed ?? String(each.control?.checked)) === String(on)));
  const look = (each) => {
    const { backgroundColor, color, borderTopColor, borderBottomColor } = getComputedStyle(each);
    return [backgroundColor, color, borderTopColor, borderBottomColor].join();
  };
  return [look(chosen), look(other)];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_with_forced_colours_bars_divider_and_choices_are_seen(visit, tab, scheme):
    page = visit(scheme=scheme, motion="reduce")
    page.emulate_media(forced_colors="active")
    stroke(page, SEVEN)
    wait_for_completions(page)
    page.get_by_role("button", name="3: ").click()
    wait_for_completions(page)
    background = "element => getComputedStyle(element).backgroundColor"
    assert page.locator(".fill").first.evaluate(background) != page.locator(
        ".track"
    ).first.evaluate(background)
    line = page.locator(".pad-frame .divider").evaluate(
        "divider => getComputedStyle(divider, '::before').backgroundColor"
    )
    assert line != page.locator("body").evaluate(background)
    for selector in ("[role=tab]", ".posterior .bar"):
        chosen, other = page.evaluate(CHOSEN, selector)
        assert chosen != other, selector
    page.emulate_media(forced_colors="none")


def faults(page, context=".pixelcnn"):
    """What axe finds, of any severity: (rule, the first place)."""
    found = (
        Axe()
        .run(page, context=context, options={"resultTypes": ["violations"]})
        .response["violations"]
    )
    return [(fault["id"], fault["nodes"][0]["html"]) for fault in found]


themes = pytest.mark.parametrize("scheme", ["light", "dark"])


@themes
@pytest.mark.parametrize("width", [1440, 320])
def test_axe_finds_no_fault_in_any_state(visit, width, scheme):
    page = visit(width=width, scheme=scheme, motion="reduce")
    wait_for_completions(page)
    found = {"invitation": faults(page)}
    page.keyboard.press("Tab")
    found["keys shown"] = faults(page)
    stroke(page, SEVEN)
    wait_for_completions(page)
    found["drawing"] = faults(page)
    page.get_by_role("button", name="3: ").click()
    wait_for_completions(page)
    found["a digit asked for"] = faults(page)
    stroke(page, [(3, 3), (25, 12), (3, 12), (25, 3), (14, 1), (14, 13)])
    wait_for_completions(page)
    found["scribble"] = faults(page)
    page.locator("[name=upload]").set_input_files(
        {"name": "digit.png", "mimeType": "image/png", "buffer": b"not a picture"}
    )
    expect(page.locator(".notice")).to_contain_text("not a picture")
    found["notice"] = faults(page)
    page.get_by_role("tab", name="Sample").click()
    expect(page.locator(".sample-explained")).to_contain_text("On average")
    found["Sample"] = faults(page)
    page.locator("[name=label]").select_option("7")
    found["stale samples"] = faults(page)
    page.get_by_role("tab", name="Watch").click()
    expect(page.locator(".readout")).to_contain_text("row")
    page.get_by_label("what this pixel can see").check()
    found["Watch"] = faults(page)
    page.get_by_role("tab", name="How it works").click()
    expect(page.locator("#view-how[data-seed] svg").first).to_be_visible()
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    expect(page.locator("#view-how details table").first).to_be_visible()
    found["How it works, all open"] = faults(page)
    assert {state: each for state, each in found.items() if each} == {}


STATES = {
    "embed=1": ".completions .digit:enabled",
    "embed=1&only=draw": ".completions .digit:not(.missing)",
    "compare=residual": ".rival .digit:enabled",
    "view=sample&count=3&compare=residual": ".rival .digit:enabled",
    "tour=1": ".tour",
    "tour=4": ".tour",
    "tour=6": ".tour",
}


@themes
@pytest.mark.parametrize("width", [1440, 320])
def test_axe_finds_no_fault_in_a_lesson_a_comparison_or_the_tour(visit, width, scheme):
    found = {}
    for query, there in STATES.items():
        page = visit(query, width=width, scheme=scheme, motion="reduce")
        expect(page.locator(there).first).to_be_visible()
        page.wait_for_timeout(300)
        found[query] = faults(page)
    assert {state: each for state, each in found.items() if each} == {}


@themes
def test_axe_finds_no_fault_in_trouble(visit, tab, scheme):
    tab.route("**/weights/binary/*", lambda route: route.abort("connectionrefused"))
    page = visit(ready=False, forgive=CUT, scheme=scheme)
    expect(page.get_by_role("alert")).to_contain_text("cannot be fetched")
    found = faults(page)
    tab.unroute_all()
    assert found == []


@themes
def test_axe_finds_no_fault_of_colours_at_the_foot_of_gradio(visit, scheme):
    page = visit(gradio=True, scheme=scheme)
    page.wait_for_selector("footer[aria-label='Gradio footer navigation']")
    rules = {rule for rule, _ in faults(page, "footer[aria-label='Gradio footer navigation']")}
    assert "color-contrast" not in rules


def ways(page):
    """The visible ways out: their names and addresses."""
    links = page.locator(".ways a:visible")
    expect(links.first).to_be_visible()
    return dict(links.evaluate_all("all => all.map((a) => [a.dataset.way, a.href])"))


PAPER = "https://arxiv.org/abs/1606.05328"


def test_every_way_out_leads_somewhere(visit, tab):
    page = visit()
    found = ways(page)
    assert found.pop("paper") == PAPER
    assert found.keys() == {"code", "card", "weights", "programs"}
    page.get_by_text("Greys").click()
    expect(page.locator("[data-way=card]")).to_have_attribute("href", re.compile("gray/README.md"))


def test_the_ways_out_in_gradio(visit, tab):
    page = visit(gradio=True)
    found = ways(page)
    assert found.keys() == {"paper", "card", "weights", "programs"}
    assert tab.request.get(found["weights"]).ok
    assert tab.request.get(found["card"]).ok
    assert found["programs"].endswith("?view=api")


def test_the_code_of_a_space_is_on_the_hub(tab):
    tab.goto(f"{server_url(space=True)}/")
    tab.wait_for_selector(".pixelcnn [role=tab][aria-selected=true]")
    assert ways(tab)["code"] == f"https://huggingface.co/spaces/{SPACE}/tree/main"
