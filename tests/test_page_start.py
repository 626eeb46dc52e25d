"""A page whose scripts do not come, or do not run, says why, and what to do."""

import re

import pytest
from playwright.sync_api import expect

from pixelcnn.space import write
from pixelcnn.ui import static
from tests.page_browser import WAIT_MS, wait_for_completions
from tests.page_hosts import host
from tests.page_server import models_folder

pytestmark = pytest.mark.browser


@pytest.fixture
def folder(tmp_path):
    models = {name: models_folder() / name for name in ("binary", "gray", "residual")}
    write(static.site(models), tmp_path)
    return tmp_path


def notice(page):
    return page.locator(".standing-notice")


@pytest.mark.parametrize("file", ["js/static.js", "js/main.js", "js/words.js", "engine/pool.js"])
def test_a_script_that_is_missing_is_named(tab, folder, file):
    with host(folder) as server:
        server.missing.add(f"/web/{file}")
        tab.goto(f"{server.url}/web/")
        expect(notice(tab)).to_have_text(
            f"The server answers 404 for {file}: it needs all files of the page."
        )


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "text/html"])
def test_scripts_of_another_type_are_told_with_the_type(tab, folder, kind):
    """Browsers run no module of these types; with `nosniff` no other script either."""
    with host(folder) as server:
        server.types[".js"] = kind
        server.headers["X-Content-Type-Options"] = "nosniff"
        tab.goto(f"{server.url}/web/")
        expect(notice(tab)).to_contain_text(f" as {kind}: set its type for .js files to text/java")


@pytest.mark.parametrize("file", ["js/static.js", "js/draw.js"])
def test_a_script_that_does_not_come_is_named_until_it_does(tab, folder, file):
    with host(folder) as server:
        server.stalled.add(f"/web/{file}")
        tab.goto(f"{server.url}/web/", wait_until="commit")
        expect(notice(tab)).to_have_text(f"{file} has not come yet: wait, or reload the page.")
        server.stalled.clear()
        tab.goto(f"{server.url}/web/")
        wait_for_completions(tab)
        expect(notice(tab)).to_be_hidden()


def test_scripts_of_two_versions_are_told(tab, folder):
    script = folder / "web" / "js" / "raster.js"
    script.write_text(re.sub(r"\bexport (?=function|const|class)", "", script.read_text()))
    with host(folder) as server:
        tab.goto(f"{server.url}/web/")
        expect(notice(tab)).to_contain_text("does not provide an export")
        expect(notice(tab)).to_contain_text("Files of two versions may be mixed: reload the page")


def without_scripts(page):
    return page.locator(".without-scripts", has_text="JavaScript, which is off here")


def framed(page, server, sandbox):
    page.goto(f"{server.url}/weights/binary/config.json")  # of the same server, without a policy
    page.set_content(f'<iframe sandbox="{sandbox}" src="{server.url}/web/"></iframe>')
    return page.frame_locator("iframe")


def test_a_sandbox_that_keeps_scripts_out_is_told(tab, folder):
    with host(folder) as server:
        frame = framed(tab, server, "allow-scripts")
        expect(notice(frame)).to_contain_text("its sandbox needs allow-same-origin")
        frame = framed(tab, server, "allow-same-origin")
        expect(without_scripts(frame)).to_be_visible()
        frame = framed(tab, server, "allow-scripts allow-same-origin")
        expect(frame.locator(".pixelcnn[data-view]")).to_be_visible()
        expect(without_scripts(frame)).to_be_hidden()
        expect(notice(frame)).to_be_hidden()


def test_a_browser_without_scripts_is_told(tab, folder):
    context = tab.context.browser.new_context(java_script_enabled=False)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    with host(folder) as server:
        page.goto(f"{server.url}/web/")
        expect(without_scripts(page)).to_be_visible()
        page.goto(f"{server.url}/")
        page.get_by_role("link").click()
        expect(without_scripts(page)).to_be_visible()
    context.close()


def test_a_page_opened_as_a_file_says_how_to_open_it(tab, folder):
    tab.goto(f"{(folder / 'web' / 'index.html').as_uri()}")
    expect(notice(tab)).to_contain_text("Browsers do not run this page from a file")
