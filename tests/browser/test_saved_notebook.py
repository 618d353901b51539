"""A saved notebook, opened again without the kernel that made it."""

from __future__ import annotations

import nbformat
import pytest

from tests.browser.desk import SETUP
from tests.browser.notebook_page import NotebookPage
from tests.browser.plot import Plot

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_the_picture_stands_alone_after_reopening(open_notebook, servers, page, app):
    cells = [SETUP, "%lr_find", "%fit_one_cycle 1 --max-lr 1e-2"]
    notebook = open_notebook(cells, app)
    for index in range(3):
        notebook.run(index)
    output = notebook.output(1)
    assert output.locator(".bqplot").first.is_visible()
    assert not output.locator("img").first.is_visible()  # unseen while the live view is there

    before = output.locator("img").first.get_attribute("src")
    Plot(output).click_at(1e-4)
    # the front end replaces the whole element
    page.wait_for_function(
        "src => document.querySelectorAll('.jp-Cell')[1].querySelector('img')?.getAttribute('src') !== src", arg=before
    )
    output.locator(".lr-magic-summary").filter(has_text="Chosen lr").wait_for(state="attached")
    notebook.save()
    saved = nbformat.read(notebook.file, as_version=4)
    assert "Chosen lr: " in saved.cells[1].outputs[2]["data"]["text/plain"]  # the picture follows the choice

    page.goto("about:blank")
    reopened = NotebookPage(page, servers(app)[1], app, notebook.file)
    reopened.restart_kernel()
    page.reload()
    for index in (1, 2):
        again = reopened.output(index)
        again.locator("img").first.wait_for(state="visible")
        assert not again.get_by_text("Error displaying widget").first.is_visible()
        again.get_by_text("Chosen lr" if index == 1 else "One-cycle training").first.wait_for(state="visible")
    meaning = reopened.output(1).get_by_text("How wrong the model is")
    assert not meaning.is_visible()
    reopened.output(1).get_by_text("What the words mean").click()
    meaning.wait_for(state="visible")
