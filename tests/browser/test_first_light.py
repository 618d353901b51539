"""The main job, in a real JupyterLab, in a real browser, with a real mouse."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

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


FRONT_ENDS = [("lab", "python3"), ("notebook", "python3"), ("lab", "ipykernel6"), ("notebook", "ipykernel6")]


@pytest.mark.parametrize(("app", "kernel"), FRONT_ENDS)
def test_the_curve_grows_and_takes_a_click_and_a_stop_while_it_runs(open_notebook, app, kernel):
    cells = [
        SLOW_DIGITS,
        "%lr_find --num-steps 2000 --no-stop",
        "print(lr_found.stop_reason.name, len(lr_found.lrs), lr_found.lr)",
    ]
    notebook = open_notebook(cells, app, kernel)
    notebook.run(0)
    notebook.start(1)
    plot = Plot(notebook.output(1))
    plot.wait_for_points(5)
    plot.wait_for_points(plot.num_points() + 5)
    plot.click_at(1.5e-7)
    plot.root.get_by_text(re.compile(r"^1\.[3-7]e-7$")).wait_for()
    notebook.output(1).get_by_role("button", name="Stop").click()
    notebook.wait_until_done()
    reason, steps, lr = notebook.ask(2).split()
    assert reason == "STOPPED"
    assert 10 < int(steps) < 2000
    assert 1.1e-7 < float(lr) < 1.7e-7  # snapped to what was measured


@pytest.mark.parametrize("kernel", ["python3", "ipykernel6"])
def test_a_training_can_be_paused_resumed_and_stopped(open_notebook, kernel):
    cells = [SLOW_DIGITS, "%fit_one_cycle 100 --max-lr 1e-3", "print(fit_history.stop_reason.name)"]
    notebook = open_notebook(cells, "lab", kernel)
    notebook.run(0)
    notebook.start(1)
    output = notebook.output(1)
    output.get_by_role("button", name="Pause").click()
    output.get_by_role("button", name="Resume").click()
    output.get_by_role("button", name="Pause").wait_for()
    output.get_by_role("button", name="Stop").click()
    notebook.wait_until_done()
    assert notebook.ask(2).strip() == "STOPPED"
