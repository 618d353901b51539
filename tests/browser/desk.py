"""A notebook that stays open: one cell to try things in, one to ask the kernel what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.notebook_page import NotebookPage

_TRIED, _ASKED = 0, 1

SETUP = """
import time, torch
from torch import nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

class Digits(TensorDataset):
    delay_s = 0.0
    def __getitem__(self, index):
        if Digits.delay_s:
            time.sleep(Digits.delay_s)
        return super().__getitem__(index)

def new_model():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return model, torch.optim.Adam(model.parameters())

images, labels = load_digits(return_X_y=True)
train_loader = DataLoader(Digits(torch.tensor(images).float() / 16, torch.tensor(labels)), batch_size=64, shuffle=True)
model, optimizer = new_model()
criterion = nn.CrossEntropyLoss()
%load_ext lr_magic
"""


class Desk:
    """Tries things in a notebook page; the steps of a run take about 30 ms where it is to be slow, else none."""

    def __init__(self, notebook: NotebookPage, kernel: str = "python3") -> None:
        self.notebook = notebook
        self.page = notebook.page
        self._file = notebook.file.with_suffix(".go_on")
        self.ends_zoom_by_stop = kernel != "ipykernel6"
        self.run(SETUP)

    def run(self, text: str) -> Locator:
        """Run a text in the cell for trying; gives its output."""
        output = self._start_fast(text)
        self.wait()
        return output

    def start_slow(self, text: str) -> Locator:
        """Begin to run a text with slow steps; gives its output."""
        self.ask("setattr(Digits, 'delay_s', 0.0005)")
        return self._start(text)

    def wait(self) -> None:
        """Wait until the cell that was begun has ended."""
        self.notebook.wait_until_done()

    def ask(self, expression: str) -> str:
        """What the kernel answers, as it prints it."""
        self.notebook.set_source(_ASKED, f"print({expression})")
        return self.notebook.ask(_ASKED).strip()

    def begin_to_wait_for_a_file(self) -> None:
        """Let the cell for asking be busy until `write_that_file`."""
        lines = ["from pathlib import Path", "print('waiting')", f"while not Path({str(self._file)!r}).exists():"]
        self.notebook.set_source(_ASKED, "\n".join([*lines, "    time.sleep(0.05)"]))
        self.notebook.start(_ASKED)
        self.notebook.output(_ASKED).get_by_text("waiting").wait_for()

    def write_that_file(self) -> None:
        """Let that cell end."""
        self._file.touch()
        self.wait()
        self._file.unlink()

    def _start_fast(self, text: str) -> Locator:
        if text != SETUP:
            self.ask("setattr(Digits, 'delay_s', 0.0)")
        return self._start(text)

    def _start(self, text: str) -> Locator:
        self.notebook.set_source(_TRIED, text)
        self.notebook.start(_TRIED)
        return self.notebook.output(_TRIED)
