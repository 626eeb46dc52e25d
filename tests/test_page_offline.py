"""The page without a network: kept at the first visit, replaced at the next one."""

import shutil

import pytest
from playwright.sync_api import expect

from bench.page_server import files
from tests.page_browser import new_page, stroke, wait_for_completions
from tests.page_server import ROOT, models_folder

pytestmark = pytest.mark.browser

KEPT = """async () => {
  await navigator.serviceWorker.ready;
  while (!navigator.serviceWorker.controller) await new Promise((done) => setTimeout(done, 20));
}"""


@pytest.fixture
def context(tab):
    """A browser that keeps service workers."""
    context = tab.context.browser.new_context()
    context.set_default_timeout(20_000)
    yield context
    context.close()


def test_the_page_opens_without_a_network_and_new_versions_replace_old_ones(context, tmp_path):
    for name in ("web", "index.html"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    shutil.copytree(models_folder(), tmp_path / "weights")
    page = new_page(context)
    failed = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    with files(tmp_path) as url:
        page.goto(f"{url}/web/")
        page.evaluate(KEPT)
    page.goto(f"{url}/web/?view=sample&count=3&seed=5")  # there is no server any more
    expect(page.locator(".samples")).to_have_attribute("data-seed", "5")
    page.get_by_role("tab", name="Draw").click()
    stroke(page, [(8, 6), (14, 3), (19, 6)])
    wait_for_completions(page)
    port = int(url.rpartition(":")[2])
    with files(tmp_path, port=port):
        text = (tmp_path / "web" / "index.html").read_text()
        (tmp_path / "web" / "index.html").write_text(text.replace("How it may go on", "Or so"))
        page.goto(f"{url}/web/")
        expect(page.get_by_role("heading", name="Or so")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Or so")).to_be_visible()
    wait_for_completions(page)
    assert failed == []
