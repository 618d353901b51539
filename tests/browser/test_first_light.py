"""The main job, in a real JupyterLab, in a real browser, with a real mouse."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.browser.plot import Plot

pytestmark = pytest.mark.browser

QUICKSTART = Path(__file__).parents[2] / "demo_notebooks" / "quickstart.ipynb"


def code_cells(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_quickstart_by_hand(open_notebook):
    notebook = open_notebook([*code_cells(QUICKSTART), "print('lr is', lr_found.lr)"])
    for index in range(6):
        notebook.run(index)
    found = notebook.output(2).inner_text()
    assert "Suggested" in found
    assert "criterion" in found
    assert "valid_loss" in notebook.output(4).inner_text()
    accuracy = float(re.search(r"([\d.]+)%", notebook.printed(5)).group(1))
    assert accuracy > 95
    Plot(notebook.output(2)).click_at(3e-3)
    notebook.page.get_by_text("Chosen: lr").wait_for()
    notebook.run(6)
    assert "error_rate" in notebook.output(6).inner_text()
    assert float(notebook.ask(7).split()[-1]) == pytest.approx(3e-3, rel=0.12)
