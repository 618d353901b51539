from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.lab_server import jupyter_server, write_notebook
from tests.browser.notebook_page import NotebookPage

_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
ROOT = Path(__file__).parents[2]


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


@pytest.fixture(scope="session")
def older_kernel(tmp_path_factory) -> str:
    """Name of a kernel like the current one, but with ipykernel 6; its folder with kernels is on JUPYTER_PATH."""
    packages = ROOT / ".venvs" / "ipykernel6"
    if not (packages / "ipykernel").exists():
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", packages, "ipykernel==6.31.0"],
            check=True,
        )
    folder = tmp_path_factory.mktemp("jupyter")
    spec = folder / "kernels" / "ipykernel6"
    spec.mkdir(parents=True)
    path = os.pathsep.join([str(packages), str(ROOT), os.environ.get("PYTHONPATH", "")])
    (spec / "kernel.json").write_text(
        json.dumps(
            {
                "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                "display_name": "ipykernel 6",
                "language": "python",
                "env": {"PYTHONPATH": path},
            }
        )
    )
    os.environ["JUPYTER_PATH"] = str(folder)
    return "ipykernel6"


@pytest.fixture(scope="session")
def servers(tmp_path_factory, older_kernel):
    """Folder and address of a running server for each of "lab" and "notebook"; each is started when first asked for."""
    del older_kernel  # its kernel has to be there before the servers are
    running = {}
    contexts = []

    def start(app: str) -> tuple[Path, str]:
        if app not in running:
            folder = tmp_path_factory.mktemp(app)
            context = jupyter_server(folder, app)
            running[app] = (folder, context.__enter__())
            contexts.append(context)
        return running[app]

    yield start
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.fixture
def open_notebook(page, servers, request):
    """Write a notebook with some cells, open it in an app with a kernel, and hand out the page."""

    def open_it(cells: list[str], app: str = "lab", kernel: str = "python3", name: str = "") -> NotebookPage:
        folder, address = servers(app)
        file = f"{name or request.node.name.replace('[', '-').replace(']', '')}.ipynb"
        write_notebook(folder / file, cells, kernel)
        return NotebookPage(page, address, app, folder / file)

    return open_it
