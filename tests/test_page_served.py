"""The page that a dry run writes, on servers as people have them: all views, later visits, no network."""

import pytest
from playwright.sync_api import expect

from pixelcnn.space import main
from tests.page_browser import keep, stroke, wait_for_completions
from tests.page_hosts import SERVERS

pytestmark = pytest.mark.browser

CONTROLLED = "navigator.serviceWorker.controller !== null"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "site"
    main(["someone/digits", "--static", "--dry-run", str(folder)])
    return folder


def visit_all_views(page):
    """Each view shows what it is for."""
    page.get_by_role("tab", name="Draw").click()
    stroke(page, [(8, 6), (14, 3), (19, 6)])
    wait_for_completions(page)
    expect(page.locator(".completions .digit:enabled")).not_to_have_count(0)
    page.get_by_role("tab", name="Sample").click()
    expect(page.locator(".samples .digit:enabled")).to_have_count(16)
    page.get_by_role("tab", name="Watch").click()
    expect(page.locator(".readout")).to_contain_text("row")
    page.get_by_role("tab", name="How it works").click()
    expect(page.locator("#view-how[data-seed]")).to_be_visible()
    page.get_by_role("button", name="Take the tour").click()
    expect(page.locator(".tour")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("server", SERVERS)
def test_the_page_works_on(server, newcomer, folder):
    with SERVERS[server](folder) as address:
        page = newcomer(address)
        visit_all_views(page)
        page.close()
        page = newcomer(address)
        page.goto(page.url)  # where the address bar has led
        page.wait_for_selector(".pixelcnn[data-view]")
        keep(page)
        page.reload()
        wait_for_completions(page)
        assert page.evaluate(CONTROLLED)
        last = page.url
    page.goto(last)  # there is no server any more
    visit_all_views(page)
