"""The page that browsers keep: one version, whole, at no cost where it cannot be kept."""

import re

import pytest
from playwright.sync_api import expect

from pixelcnn.space import write
from pixelcnn.ui import static
from tests.page_browser import keep, stroke, wait_for_completions
from tests.page_hosts import host
from tests.page_server import models_folder

pytestmark = pytest.mark.browser

NAMES = ("binary", "gray", "residual")


def models():
    return {name: models_folder() / name for name in NAMES}


@pytest.fixture
def folder(tmp_path):
    """The page on tiny models."""
    write(static.site(models()), tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def publish(folder, tmp_path_factory, monkeypatch):
    """Put another version of the page in place: each file that is named, with its replacements."""

    def change(**changes):
        web = tmp_path_factory.mktemp("next") / "web"
        write({f"web/{name}": path for name, path in static.page_files().items()}, web.parent)
        for name, (old, new) in changes.items():
            file = web / name
            assert old in file.read_text()
            file.write_text(file.read_text().replace(old, new))
        monkeypatch.setattr(static, "WEB", web)
        for name, content in static.site(models()).items():
            data = content if isinstance(content, bytes) else content.read_bytes()
            (folder / name).write_bytes(data)

    return change


def see_all(page):
    """Draw, and open what is loaded later."""
    page.get_by_role("tab", name="Draw").click()
    stroke(page, [(8, 6), (14, 3), (19, 6)])
    wait_for_completions(page)
    page.get_by_role("tab", name="How it works").click()
    expect(page.locator("#view-how[data-seed]")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def newest(page):
    """Until a newer version waits."""
    page.evaluate(
        """async () => {
          const registration = await navigator.serviceWorker.getRegistration();
          await registration.update();
          while (!registration.waiting) await new Promise((done) => setTimeout(done, 20));
        }"""
    )


HEADING = {"index.html": ("How it may go on", "Or so")}
SCRIPTS = {path.relative_to(static.WEB).as_posix(): path for path in static.WEB.rglob("*.js")}
USING = [name for name, path in SCRIPTS.items() if "paintLevels" in path.read_text()]
RENAMED = dict.fromkeys(USING, ("paintLevels", "paintGreys"))


def test_later_visits_ask_for_no_file_again(newcomer, folder):
    with host(folder) as server:
        page = newcomer(f"{server.url}/web/")
        keep(page)
        see_all(page)
        page.get_by_text("Greys").click()
        wait_for_completions(page)
        page.wait_for_timeout(500)  # until what was asked for is kept, too
        server.asked.clear()
        for _ in range(2):
            page.goto(f"{server.url}/web/?model=gray&view=draw")
            see_all(page)
        assert set(server.asked) <= {"/web/sw.js"}


def test_a_first_visit_asks_for_hardly_a_file_twice(newcomer, folder):
    """Where the server lets browsers keep files for a while, the worker takes them from there."""
    with host(folder) as server:
        server.headers = {"Cache-Control": "max-age=600"}
        page = newcomer(f"{server.url}/web/")
        wait_for_completions(page)
        keep(page)
        asked = [path for path in server.asked if path != "/web/sw.js"]
        twice = {path for path in asked if asked.count(path) > 1}
        assert twice <= {"/web/", "/web/index.html", "/web/icon.svg"}


def test_a_new_version_replaces_the_old_one_as_a_whole(newcomer, folder, publish):
    with host(folder) as server:
        page = newcomer(f"{server.url}/web/")
        keep(page)
        publish(**HEADING, **RENAMED)
        page.goto(f"{server.url}/web/")  # the old one; the new one comes meanwhile
        newest(page)
        see_all(page)
        page.goto(f"{server.url}/web/?view=draw")
        expect(page.get_by_role("heading", name="Or so")).to_be_visible()
        see_all(page)
        assert len(page.evaluate("caches.keys()")) == 1
    page.goto(f"{server.url}/web/?view=draw")  # there is no server any more
    expect(page.get_by_role("heading", name="Or so")).to_be_visible()
    see_all(page)


def test_a_new_version_waits_while_another_tab_shows_the_old_one(newcomer, folder, publish):
    with host(folder) as server:
        page = newcomer(f"{server.url}/web/")
        keep(page)
        other = newcomer(f"{server.url}/web/")
        publish(**HEADING, **RENAMED)
        newest(page)
        page.reload()
        see_all(page)
        see_all(other)
        other.close()
        page.goto(f"{server.url}/web/?view=draw")
        expect(page.get_by_role("heading", name="Or so")).to_be_visible()
        see_all(page)


@pytest.mark.parametrize("fault", ["missing", "stalled", "older"])
def test_a_version_that_does_not_come_whole_is_not_used(newcomer, folder, publish, fault):
    """Of a file that is missing, does not come, or is still that of the version before."""
    with host(folder) as server:
        page = newcomer(f"{server.url}/web/")
        keep(page)
        old = (folder / "web/js/raster.js").read_bytes()
        publish(**HEADING, **RENAMED)
        if fault == "older":
            (folder / "web/js/raster.js").write_bytes(old)
        else:
            getattr(server, fault).add("/web/js/raster.js")
        server.asked.clear()
        for _ in range(2):
            page.goto(f"{server.url}/web/?view=draw")
            see_all(page)
            expect(page.locator("h2", has_text="How it may go on")).to_have_count(1)
        assert "/web/js/raster.js" in server.asked  # the new worker has tried


def test_storage_that_is_full_or_fails_costs_nothing(newcomer, folder):
    with host(folder) as server:
        page = newcomer(f"{server.url}/web/")
        keep(page)
        browser = page.context.new_cdp_session(page)
        browser.send(
            "Storage.clearDataForOrigin", {"origin": server.url, "storageTypes": "cache_storage"}
        )
        browser.send("Storage.overrideQuotaForOrigin", {"origin": server.url, "quotaSize": 1000})
        for _ in range(2):
            page.goto(f"{server.url}/web/?view=draw")
            see_all(page)


def test_a_page_that_cannot_be_kept_at_all_works(newcomer, folder):
    with host(folder) as server:
        server.missing.add("/web/sw.js")
        page = newcomer(f"{server.url}/web/")
        see_all(page)


def test_other_pages_of_a_server_keep_their_caches(newcomer, folder):
    with host(folder.parent) as server:
        server.missing.add("/site/web/sw.js")
        page = newcomer(f"{server.url}/site/web/")
        before = "pixelcnn"  # the page as it was had this one
        for name in ("theirs", "pixelcnn http://elsewhere/ sha256-", before):
            page.evaluate("(name) => caches.open(name)", name)
        server.missing.clear()
        page.reload()
        keep(page)
        names = page.evaluate("caches.keys()")
        assert sorted(re.sub("/site/web/ .*", "/site/web/", name) for name in names) == [
            f"pixelcnn {server.url}/site/web/",
            "pixelcnn http://elsewhere/ sha256-",
            "theirs",
        ]
