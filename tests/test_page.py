"""What holds for the whole page, in a real browser: links, tabs, accessibility."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.page_browser import stroke, wait_for_completions
from tests.page_server import SPACE, server_url

pytestmark = pytest.mark.browser

SERIOUS = ("serious", "critical")
# What a view shows once it has all that it shows.
SETTLED = {
    "Draw": ".completions .digit:enabled",
    "Sample": ".samples .digit:enabled",
    "Watch": ".watch-explained:has-text('in all')",
    "How it works": "#view-how[data-seed] svg",
}


def copied_link(page):
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator(".notice")).to_contain_text("clipboard")
    return page.evaluate("navigator.clipboard.readText()")


def test_a_link_brings_someone_else_to_the_same_drawing(visit):
    page = visit("view=draw&model=residual&seed=4")
    stroke(page, [(8, 6), (14, 3), (19, 6)])
    wait_for_completions(page)
    captions = page.locator(".completions .caption").all_inner_texts()
    link = copied_link(page)
    page.goto("about:blank")
    page.goto(link)
    expect(page.get_by_label("Residual")).to_be_checked()
    expect(page.locator(".inviting")).to_have_count(0)
    expect(page.locator(".completions .caption")).to_have_text(captions)


def test_a_link_brings_someone_else_to_the_same_samples_and_the_same_digit(visit):
    page = visit("view=sample&count=3&label=6&temperature=0.75")
    captions = page.locator(".samples .caption")
    expect(captions).to_have_count(3)
    nats = captions.all_inner_texts()
    page.goto(copied_link(page))
    expect(captions).to_have_text(nats)
    expect(page.get_by_role("slider", name="Temperature")).to_have_value("0.75")
    page.get_by_role("button", name="Sample 2,").click()
    words = page.locator(".watch-explained")
    expect(words).to_contain_text("in all")
    total = words.inner_text().split("so far, ")[1].split(" in all")[0]
    page.goto(copied_link(page))
    expect(words).to_contain_text(f"{total} in all")


@pytest.mark.parametrize(
    "query",
    [
        "view=nowhere&model=none&rows=-1&seed=x&ink=%25%25&label=77",
        "view=constructor&model=constructor&seed=4294967296",
        "view=toString&model=__proto__",
    ],
)
def test_a_broken_link_still_opens_the_page(visit, query):
    page = visit(query)
    wait_for_completions(page)
    expect(page.locator("#view-draw")).to_be_visible()


def test_within_a_space_the_query_arrives_and_the_link_is_the_visitors_address(tab):
    """There the page is in a frame whose address gets the visitor's query."""
    query = "view=sample&count=3&seed=5"
    address = f"https://huggingface.co/spaces/{SPACE}"
    tab.goto(f"{server_url()}/config")  # any page of another origin
    tab.set_content(f'<iframe src="{server_url(space=True)}/?{query}" width="900" height="700">')
    page = tab.frame_locator("iframe")
    expect(page.locator(".samples")).to_have_attribute("data-seed", "5")
    expect(page.locator(".samples .digit")).to_have_count(3)
    page.get_by_role("button", name="Copy link").click()
    # A frame of another site may not write to the clipboard unless it is let: the link is shown.
    expect(page.locator(".notice")).to_contain_text(f"{address}?view=sample&model=binary&count=3")
    expect(page.locator(".notice")).to_contain_text("seed=5")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_on_a_phone(visit, scheme):
    """`test_page_access.py` looks at wider and narrower screens."""
    page = visit(width=375, scheme=scheme, motion="reduce")
    wait_for_completions(page)
    found = []
    for view, there in SETTLED.items():
        page.get_by_role("tab", name=view).click()
        expect(page.locator(there).first).to_be_visible()
        faults = Axe().run(page, context=".pixelcnn").response["violations"]
        found += [(view, f["id"], f["nodes"][0]["html"]) for f in faults if f["impact"] in SERIOUS]
    assert found == []


def test_after_a_refusal_the_newest_request_goes_on(visit):
    page = visit()
    wait_for_completions(page)
    done = page.evaluate(
        """async () => {
          const load = (path) => import(new URL(path, location.href));
          const { newestOnly } = await load("js/newest.js");
          const { Refusal } = await load("engine/pool.js");
          const begun = [];
          const send = newestOnly(async (request) => {
            begun.push(request);
            await new Promise((done) => setTimeout(done, 20));
            if (request === "first") throw new Refusal("No.");
          });
          const first = send("first").catch((refusal) => refusal.message);
          send("second");
          send("third");
          return [await first, await new Promise((done) => setTimeout(done, 100)), begun];
        }"""
    )
    assert done == ["No.", None, ["first", "third"]]


def test_tabs_are_reached_by_keyboard(visit):
    page = visit()
    page.get_by_role("tab", name="Draw").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#view-sample")).to_be_visible()
    expect(page.get_by_role("tab", name="Sample")).to_be_focused()
