"""What the static page may load and run: its content security policy, and the hash of what is not ours.

That nothing in any view violates the policy or asks another origin, the fixture `visit` sees in all journeys.
"""

import base64
import hashlib
import re
import shutil

import pytest
from playwright.sync_api import expect

from bench.page_server import files
from tests.page_server import ROOT, models_folder, static_url

VENDORED = "vendor/gifenc/gifenc.esm.js"
# `dist/gifenc.esm.js` of gifenc 1.0.3, as the registry's package holds it.
GIFENC = "sha384-P7/5O5/b1yQQnqgcqktjBKyP5irxx5L0p6ft3eD1i3ASjVm03RkbLOmZkKr6qFHb"


def policies():
    return [
        re.search(r'Content-Security-Policy" content="([^"]+)"', (ROOT / page).read_text())[1]
        for page in ("index.html", "web/index.html")
    ]


def test_the_policy_allows_one_inline_script_and_neither_styles_nor_eval():
    for policy in policies():
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        assert rules["default-src"] == "'none'"
        allowed = {word for value in rules.values() for word in value.split()}
        hashes = {
            word for word in allowed if word.startswith("'sha256-")
        }  # of one script that we know
        assert len(hashes) == 1
        assert allowed - hashes <= {"'none'", "'self'", "'wasm-unsafe-eval'", "blob:"}


def test_what_is_vendored_is_what_was_published():
    digest = hashlib.sha384((ROOT / "web" / VENDORED).read_bytes()).digest()
    assert f"sha384-{base64.b64encode(digest).decode()}" == GIFENC


TRY = """async () => {
  const violated = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    violated.push(event.effectiveDirective);
  });
  const run = Object.assign(document.createElement("script"), { textContent: "window.ran = true" });
  document.body.append(run);
  document.body.insertAdjacentHTML("beforeend", '<p style="color: red" onclick="window.ran = true">');
  document.body.lastElementChild.click();
  await new Promise((done) => setTimeout(done, 0)); // the debugger that runs this may evaluate until here
  let evaluated = true;
  try {
    new Function("return 1")();
  } catch {
    evaluated = false;
  }
  const sent = await fetch("https://example.org/").then(() => true, () => false);
  const wasm = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
  await WebAssembly.compile(wasm);
  return { violated: violated.sort(), ran: window.ran ?? false, evaluated, sent };
}"""


@pytest.mark.browser
def test_the_browser_keeps_what_is_injected_from_running(tab):
    tab.goto(f"{static_url()}/web/?view=how")
    tab.wait_for_selector(".pixelcnn [role=tab][aria-selected=true]")
    tried = tab.evaluate(TRY)
    assert (tried["ran"], tried["evaluated"], tried["sent"]) == (False, False, False)
    wanted = ["connect-src", "script-src", "script-src-attr", "script-src-elem", "style-src-attr"]
    assert tried["violated"] == wanted


@pytest.mark.browser
def test_the_root_brings_one_to_the_page_with_its_settings(visit, tab):
    tab.goto(f"{static_url()}/?view=sample&count=3&seed=5")
    expect(tab.locator(".samples")).to_have_attribute("data-seed", "5")
    assert "count=3" in tab.url


@pytest.mark.browser
def test_a_library_that_was_tampered_with_does_not_run(tab, tmp_path):
    shutil.copytree(ROOT / "web", tmp_path / "web")
    (tmp_path / "weights").symlink_to(models_folder())
    script = tmp_path / "web" / VENDORED
    script.write_text(f"{script.read_text()}\nwindow.tampered = true;\n")
    with files(tmp_path) as url, tab.expect_event("console", lambda line: "integrity" in line.text):
        tab.goto(f"{url}/web/")
    assert tab.evaluate("window.tampered ?? false") is False
