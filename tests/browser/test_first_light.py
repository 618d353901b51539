"""The main job, in a real JupyterLab, in a real browser, with a real mouse."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.browser.lab_server import jupyter_server, write_notebook
from tests.browser.notebook_page import NotebookPage
from tests.browser.plot import Plot

pytestmark = pytest.mark.browser

QUICKSTART = Path(__file__).parents[2] / "demo_notebooks" / "quickstart.ipynb"

SLOW_DIGITS = """
import time, torch
from torch import nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

class Slow(TensorDataset):
    def __getitem__(self, index):
        time.sleep(0.0005)
        return super().__getitem__(index)

images, labels = load_digits(return_X_y=True)
train_loader = DataLoader(Slow(torch.tensor(images).float() / 16, torch.tensor(labels)), batch_size=64, shuffle=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())
%load_ext lr_magic
"""


def code_cells(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_quickstart_by_hand(page, tmp_path):
    shutil.copy(QUICKSTART, tmp_path / "quickstart.ipynb")
    write_notebook(tmp_path / "quickstart.ipynb", [*code_cells(QUICKSTART), "print('lr is', lr_found.lr)"])
    with jupyter_server(tmp_path, "lab") as address:
        notebook = NotebookPage(page, address, "lab", "quickstart.ipynb")
        for index in range(6):
            notebook.run(index)
        found = notebook.output(2).inner_text()
        assert "Suggested" in found
        assert "criterion" in found
        assert "valid_loss" in notebook.output(4).inner_text()
        accuracy = float(re.search(r"([\d.]+)%", notebook.printed(5)).group(1))
        assert accuracy > 95
        Plot(notebook.output(2)).click_at(3e-3)
        page.get_by_text("Chosen: lr").wait_for()
        notebook.run(6)
        assert "error_rate" in notebook.output(6).inner_text()
        notebook.run(7)
        chosen = float(notebook.printed(7).split()[-1])
        assert chosen == pytest.approx(3e-3, rel=0.12)


def test_the_curve_grows_and_stop_keeps_it(page, tmp_path):
    cells = [SLOW_DIGITS, "%lr_find --num-steps 400 --no-stop", "print(lr_found.stop_reason.name, len(lr_found.lrs))"]
    write_notebook(tmp_path / "slow.ipynb", cells)
    with jupyter_server(tmp_path, "lab") as address:
        notebook = NotebookPage(page, address, "lab", "slow.ipynb")
        notebook.run(0)
        notebook.start(1)
        plot = Plot(notebook.output(1))
        page.wait_for_function("path => path.getAttribute('d')?.length > 50", arg=plot.smoothed_path().element_handle())
        first = plot.num_points()
        page.wait_for_function(
            "([path, length]) => path.getAttribute('d').split(',').length > length",
            arg=[plot.smoothed_path().element_handle(), first + 5],
        )
        notebook.output(1).get_by_role("button", name="Stop").click()
        notebook.wait_until_done()
        notebook.run(2)
        reason, steps = notebook.printed(2).split()
        assert reason == "STOPPED"
        assert 5 < int(steps) < 400
