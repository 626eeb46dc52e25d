"""The address, Back, Forward and reload, in a real browser."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from bench.page_server import files
from tests.page_browser import ink, pixels, stroke, wait_for_completions
from tests.page_server import server_url

pytestmark = pytest.mark.browser

SEVEN = [(8, 6), (14, 3), (19, 6), (14, 12)]
flavours = pytest.mark.parametrize("gradio", [False, True])


def address(page):
    """The parameters of the address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def wait_for_address(page, **expected):
    """Until the address tells that, `None` being nothing."""
    page.wait_for_function(
        """expected => Object.entries(expected).every(([name, value]) =>
          new URLSearchParams(location.search).get(name) === value)""",
        arg=expected,
    )


def open_view(page, name):
    page.get_by_role("tab", name=name).click()
    wait_for_address(page, view=name.split()[0].lower())


@flavours
def test_a_reload_keeps_the_drawing_its_divider_digit_and_seed(visit, gradio):
    page = visit("seed=4", gradio=gradio)
    stroke(page, SEVEN)
    divider = page.get_by_role("slider", name="Rows you draw")
    divider.focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("button", name="7: ").click()
    wait_for_completions(page)
    captions = page.locator(".completions .caption")
    expect(captions.first).to_contain_text("7 ·")
    wait_for_address(page, view="draw", model="binary", rows="15", label="7", seed="4")
    before, drawn = captions.all_inner_texts(), ink(page)
    page.reload()
    expect(captions).to_have_text(before)
    expect(divider).to_have_attribute("aria-valuenow", "15")
    assert ink(page) == drawn


def test_ink_below_the_divider_is_not_lost(visit):
    page = visit()
    divider = page.get_by_role("slider", name="Rows you draw")
    divider.focus()
    page.keyboard.press("End")
    stroke(page, [(8, 3), (8, 22)])
    drawn = ink(page)
    divider.focus()
    page.keyboard.press("Home")
    wait_for_address(page, rows="4")
    page.reload()
    wait_for_completions(page)
    divider.focus()
    page.keyboard.press("End")
    assert ink(page) == drawn


@flavours
def test_back_and_forward_go_through_what_was_opened(visit, gradio):
    page = visit("view=draw", gradio=gradio)
    stroke(page, SEVEN)
    wait_for_completions(page)
    entries = page.evaluate("history.length")
    page.get_by_role("button", name="Completion 1,").click()
    expect(page.locator(".watch-explained")).to_contain_text("in all")
    wait_for_address(page, view="watch")
    digit = address(page)["digit"]
    page.get_by_role("button", name="Another digit").click()
    page.wait_for_function("digit => !location.search.includes(digit)", arg=digit)
    open_view(page, "Sample")
    expect(page.locator(".samples .caption")).to_have_count(16)
    page.get_by_text("Residual").click()
    wait_for_address(page, model="residual")
    assert page.evaluate("history.length") == entries + 3  # a stroke, or a model, is none
    page.go_back()
    expect(page.locator("#view-watch")).to_be_visible()
    expect(page.get_by_label("Binary")).to_be_checked()
    page.go_back()
    wait_for_address(page, digit=digit)
    page.go_back()
    expect(page.locator("#view-draw")).to_be_visible()
    expect(page.locator(".inviting")).to_have_count(0)
    wait_for_completions(page)
    page.go_forward()
    page.go_forward()
    page.go_forward()
    expect(page.locator("#view-sample")).to_be_visible()
    expect(page.get_by_label("Residual")).to_be_checked()
    expect(page.locator(".samples .caption")).to_have_count(16)


def test_back_brings_an_older_drawing_and_other_samples(visit):
    page = visit("view=draw&seed=4")
    stroke(page, SEVEN)
    wait_for_completions(page)
    older = ink(page)
    open_view(page, "Sample")
    expect(page.locator(".samples")).to_have_attribute("data-seed", re.compile("."))
    first = page.locator(".samples").get_attribute("data-seed")
    open_view(page, "Draw")
    stroke(page, [(5, 2), (23, 2)])
    assert ink(page) > older
    open_view(page, "Sample")
    page.get_by_role("button", name="Sample", exact=True).click()
    page.wait_for_function(
        "seed => document.querySelector('.samples').dataset.seed !== seed", arg=first
    )
    page.go_back()
    page.go_back()
    expect(page.locator(".samples")).to_have_attribute("data-seed", first)
    page.go_back()
    expect(page.locator("#view-draw")).to_be_visible()
    assert ink(page) == older


def test_a_reload_keeps_what_other_views_hold(visit):
    page = visit("view=draw&seed=4")
    stroke(page, SEVEN)
    wait_for_completions(page)
    drawn = pixels(page, ".pad")
    open_view(page, "How it works")
    page.reload()
    expect(page.locator("#view-how")).to_be_visible()
    open_view(page, "Draw")
    wait_for_completions(page)
    page.wait_for_function(
        "before => document.querySelector('.pad').toDataURL() === before", arg=drawn
    )


def test_samples_come_back_after_a_reload_and_the_next_ones_differ(visit):
    page = visit("view=sample&count=3&temperature=0.75")
    holder = page.locator(".samples")
    wait_for_address(page, temperature="0.75")
    page.wait_for_function("new URLSearchParams(location.search).get('seed')")
    seed = address(page)["seed"]
    captions = page.locator(".samples .caption")
    before = captions.all_inner_texts()
    page.reload()
    expect(holder).to_have_attribute("data-seed", seed)
    expect(captions).to_have_text(before)
    page.get_by_role("button", name="Sample", exact=True).click()
    page.wait_for_function("seed => !location.search.includes(`seed=${seed}`)", arg=seed)
    expect(holder).not_to_have_attribute("data-seed", seed)


@flavours
def test_what_others_put_into_the_address_stays(visit, gradio):
    page = visit("view=sample&embed=1&lang=en&count=2", gradio=gradio)
    wait_for_address(page, embed="1", lang="en", count="2")
    open_view(page, "Draw")
    stroke(page, SEVEN)
    wait_for_address(page, embed="1", lang="en", count=None, rows="14")


def test_the_title_follows_the_view(visit):
    page = visit()
    expect(page).to_have_title("PixelCNN draws digits")
    open_view(page, "Sample")
    expect(page).to_have_title("Sample · PixelCNN draws digits")
    page.go_back()
    expect(page).to_have_title("PixelCNN draws digits")


def test_the_address_changes_no_more_often_than_browsers_let_it(visit):
    page = visit()
    wait_for_completions(page)
    page.evaluate(
        """() => {
          window.writes = 0;
          for (const name of ["replaceState", "pushState"]) {
            const write = history[name].bind(history);
            history[name] = (...all) => { window.writes++; write(...all); };
          }
          window.begun = performance.now();
        }"""
    )
    for row in range(3, 12):
        stroke(page, [(4, row), (24, row), (4, row)])
    wait_for_address(page, rows="14")
    writes, seconds = page.evaluate("[window.writes, (performance.now() - window.begun) / 1000]")
    assert writes <= 4 * seconds + 1


def close_panel(page):
    """By a press beside it."""
    page.locator(".api-docs .backdrop").click(position={"x": 5, "y": 5})
    expect(page.locator(".api-docs")).to_be_hidden()


def test_a_panel_of_gradio_keeps_its_place_in_the_address_and_the_view_beneath_it(visit):
    page = visit("view=sample&count=3&seed=5", gradio=True)
    samples = page.locator(".samples")
    expect(samples).to_have_attribute("data-seed", "5")
    page.get_by_role("link", name="For programs").click()
    expect(page.locator(".api-docs")).to_be_visible()
    page.wait_for_function("history.state?.view === 'sample'")
    page.reload()
    expect(samples).to_have_attribute("data-seed", "5")
    expect(page.locator(".api-docs")).to_be_visible()
    wait_for_address(page, view="api", model="binary", count="3", seed="5")
    close_panel(page)
    page.get_by_role("button", name="Sample", exact=True).click()
    wait_for_address(page, view="sample")


def test_a_link_to_a_panel_of_gradio_opens_it_over_the_pad(visit):
    page = visit("view=api", gradio=True)
    expect(page.locator(".api-docs")).to_be_visible()
    expect(page.locator("#view-draw")).to_be_visible()
    wait_for_address(page, view="api", model="binary")
    close_panel(page)
    stroke(page, SEVEN)
    wait_for_address(page, view="draw")


PARENT = """<!doctype html><title>The Hub</title><iframe src="{space}" width="900" height="700"></iframe>
<script>
  window.told = [];
  addEventListener("message", ({{ data, origin }}) => {{
    if (data.queryString) window.told.push([origin, data.queryString]);
  }});
</script>"""


@pytest.fixture
def outer_page(tab, tmp_path):
    """A page of another port that frames the page as the Hub does that of a Space."""

    def show(query, hub=None):
        space = server_url(space=True)
        (tmp_path / "index.html").write_text(PARENT.format(space=f"{space}/?{query}"))

        def answer(route):
            script = route.fetch()
            assert '"https://huggingface.co"' in script.text()
            body = script.text().replace("https://huggingface.co", hub or url)
            route.fulfill(response=script, body=body)

        tab.route("**/js/history.js", answer)
        tab.goto(url)
        return tab.frame_locator("iframe"), space

    with files(tmp_path) as url:
        yield show
        tab.unroute_all()
        tab.goto("about:blank")


def last_told(page):
    """The sender, and the parameters, of what the outer page was told last."""
    origin, query = page.evaluate("told.at(-1)")
    return origin, {name: values[0] for name, values in parse_qs(query.removeprefix("?")).items()}


def wait_until_told(page, text):
    page.wait_for_function("text => told.at(-1)?.[1].includes(text)", arg=text)


def test_the_outer_page_of_a_space_is_told_of_every_change(tab, outer_page):
    frame, space = outer_page("view=sample&count=3&seed=5")
    expect(frame.locator(".samples")).to_have_attribute("data-seed", "5")
    wait_until_told(tab, "seed=5")
    sender, told = last_told(tab)
    assert sender == space
    assert (told["view"], told["count"], told["seed"]) == ("sample", "3", "5")
    frame.get_by_role("tab", name="Draw").click()
    wait_until_told(tab, "view=draw")
    frame.locator(".pad").focus()
    tab.keyboard.press("Space")
    wait_until_told(tab, "ink=")
    frame.get_by_role("tab", name="Watch").click()
    wait_until_told(tab, "view=watch")
    tab.evaluate("history.back()")
    expect(frame.locator("#view-draw")).to_be_visible()
    wait_until_told(tab, "view=draw")
    assert last_told(tab)[1]["ink"]


def test_no_other_outer_page_is_told(tab, outer_page):
    frame, _ = outer_page("view=sample&count=3&seed=5", hub="https://huggingface.co")
    expect(frame.locator(".samples")).to_have_attribute("data-seed", "5")
    frame.get_by_role("tab", name="Draw").click()
    tab.wait_for_timeout(600)  # longer than the page waits before it writes
    assert tab.evaluate("told") == []
