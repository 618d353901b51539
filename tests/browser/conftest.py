from __future__ import annotations

import shutil

import pytest

_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    paths = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    installed = next((path for path in paths if path), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    yield context.new_page()
    context.close()
