"""What the measurements in a real browser share: a page with a kernel, and a training whose steps take 10 ms."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.chromium import chromium
from tests.browser.lab_server import jupyter_server, write_notebook
from tests.browser.notebook_page import NotebookPage
from tests.browser.older_kernel import write_older_kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Locator

# The batch is made as large as a step of 10 ms on one thread needs on this machine.
TRAINING = """
import time, torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.set_num_threads(1)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

def step_s(batch_size):
    x, y = torch.randn(batch_size, 256), torch.randint(10, (batch_size,))
    times = []
    for _ in range(15):
        start = time.perf_counter()
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        times.append(time.perf_counter() - start)
    return sorted(times)[7]

batch_size = 64
while step_s(batch_size) < 0.009:
    batch_size = int(batch_size * 1.2) + 1
optimizer.zero_grad()
data = TensorDataset(torch.randn(40 * batch_size, 256), torch.randint(10, (40 * batch_size,)))
train_loader = DataLoader(data, batch_size=batch_size)
%load_ext lr_magic
"""


class LivePage:
    """A notebook with one cell to try things in and one to ask the kernel."""

    def __init__(self, notebook: NotebookPage) -> None:
        self.notebook = notebook
        self.page = notebook.page

    def start(self, text: str) -> Locator:
        """Begin to run a text; gives its output."""
        self.notebook.set_source(0, text)
        self.notebook.start(0)
        return self.notebook.output(0)

    def wait(self) -> None:
        """Wait until it has ended."""
        self.notebook.wait_until_done()

    def run(self, text: str) -> None:
        """Run a text to its end."""
        self.start(text)
        self.wait()

    def ask(self, expression: str) -> str:
        """What the kernel answers, as it prints it."""
        self.notebook.set_source(1, f"print({expression})")
        return self.notebook.ask(1).strip()


@contextmanager
def live_pages() -> Iterator[Callable[[str, str], LivePage]]:
    """Yield a function that opens a page in an app ("lab" or "notebook") on a kernel ("python3" or "ipykernel6")."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_older_kernel(root / "jupyter")
        os.environ["JUPYTER_PATH"] = str(root / "jupyter")
        browser = stack.enter_context(chromium())
        servers: dict[str, str] = {}

        def open_page(app: str, kernel: str) -> LivePage:
            folder = root / app
            if app not in servers:
                folder.mkdir()
                servers[app] = stack.enter_context(jupyter_server(folder, app))
            write_notebook(folder / f"{kernel}.ipynb", ["", ""], kernel)
            page = browser.new_page(viewport={"width": 1200, "height": 1000})
            return LivePage(NotebookPage(page, servers[app], app, folder / f"{kernel}.ipynb"))

        yield open_page
