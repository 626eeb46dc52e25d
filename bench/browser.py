"""The browser that a measurement, or a picture, drives the page in."""

import shutil

from playwright.sync_api import Browser, Playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def launch(playwright: Playwright) -> Browser:
    """The Chromium of this machine, or else Playwright's own."""
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
