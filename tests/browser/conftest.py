from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.browser.chromium import chromium
from tests.browser.desk import Desk
from tests.browser.lab_server import jupyter_server, write_notebook
from tests.browser.notebook_page import NotebookPage
from tests.browser.older_kernel import write_older_kernel

if TYPE_CHECKING:
    from pathlib import Path

FRONT_ENDS = [("lab", "python3"), ("notebook", "python3"), ("lab", "ipykernel6"), ("notebook", "ipykernel6")]


@pytest.fixture(scope="session")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def older_kernel(tmp_path_factory) -> str:
    """Name of a kernel like the current one, but with ipykernel 6; its folder with kernels is on JUPYTER_PATH."""
    folder = tmp_path_factory.mktemp("jupyter")
    os.environ["JUPYTER_PATH"] = str(folder)
    return write_older_kernel(folder)


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

    opened = []

    def open_it(cells: list[str], app: str = "lab", kernel: str = "python3", name: str = "") -> NotebookPage:
        folder, address = servers(app)
        file = f"{name or request.node.name.replace('[', '-').replace(']', '')}.ipynb"
        write_notebook(folder / file, cells, kernel)
        opened.append(NotebookPage(page, address, app, folder / file))
        return opened[-1]

    yield open_it
    for notebook in opened:
        notebook.shut_down()


@pytest.fixture(scope="session", params=FRONT_ENDS, ids="-".join)
def desk(request, browser, servers):
    """A notebook that stays open from test to test, in each app on each kernel."""
    app, kernel = request.param
    folder, address = servers(app)
    write_notebook(folder / f"desk-{kernel}.ipynb", ["", ""], kernel)
    context = browser.new_context(viewport={"width": 1200, "height": 1400})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    notebook = NotebookPage(context.new_page(), address, app, folder / f"desk-{kernel}.ipynb")
    yield Desk(notebook, kernel)
    notebook.shut_down()
    context.close()
