"""How long a line magic looks for what to train: ``python -m benchmarks.discovery_speed``."""

from __future__ import annotations

import math
import time
from itertools import islice
from typing import TYPE_CHECKING

import torch

from benchmarks.results_page import machine, table, write_section
from lr_magic.notebook.discovery import DiscoveryRequest, discover
from lr_magic.notebook.discovery.cell_history import _lines_of_assignments
from lr_magic.notebook.discovery.cells import parse_cell
from lr_magic.training.restoring.restore import restored

if TYPE_CHECKING:
    from collections.abc import Callable

NUM_RUNS = 60

IMPORTS = """
import math, random, time
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
"""
TRAINING = """
train_set = TensorDataset(torch.randn(640, 1, 14, 14), torch.randint(0, 10, (640,)))
train_loader, valid_loader = DataLoader(train_set, 32, shuffle=True), DataLoader(train_set, 64)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(14 * 14, 64), nn.Linear(64, 10)
    def forward(self, x):
        return self.head(F.relu(self.body(x.flatten(1))))
model = Net()
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
"""
LOOP = """
for epoch in range(1):
    for i, (images, labels) in enumerate(train_loader):
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        if i % 10 == 0:
            print(epoch, i, loss.item())
        if i == 2:
            break
"""
TRAINER = """
class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer, self.history = model, optimizer, []
    def fit(self, epochs):
        for epoch in range(epochs):
            for images, labels in train_loader:
                loss = criterion(self.model(images), labels)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                self.history.append(loss.item())
trainer = Trainer(model, optimizer)
"""
SITUATIONS = {
    "the loop was not run yet": "",
    "the loop is in an executed cell": LOOP,
    "a trainer of one's own holds the step": TRAINER,
}


class Kernel:
    """A notebook's names and the sources of its executed cells."""

    def __init__(self) -> None:
        self.names: dict[str, object] = {"__name__": "__main__", "print": lambda *_: None}
        self.cells: list[str] = []

    def run(self, *cells: str) -> None:
        """Execute cells."""
        for cell in cells:
            exec(cell, self.names)
            self.cells.append(cell)

    def discover(self) -> object:
        """What the magic does before its first step."""
        return discover(self.names, DiscoveryRequest(), [*self.cells, "%lr_find"])


def notebook(step: str, num_other_names: int) -> Kernel:
    """A training among other names, as they pile up: modules, tensors, functions, lists, numbers, settings."""
    torch.manual_seed(0)
    kernel = Kernel()
    kernel.run(IMPORTS)
    makers = (
        "features_{i} = torch.randn(64, 8)",
        "def helper_{i}(x, scale={i}):\n    total = 0\n    for v in x:\n        total += v * scale\n    return total",
        "history_{i} = [math.sqrt(j) for j in range(50)]",
        "settings_{i} = {{'lr': 10.0 ** -{i}, 'name': 'run {i}', 'sizes': [{i}, 2, 3]}}",
        "array_{i} = np.linspace(0, 1, 100) ** {i}",
    )
    for i in range(num_other_names):
        kernel.run(makers[i % len(makers)].format(i=i))
        if i % 17 == 16:
            kernel.run(
                f"encoder_{i} = nn.Sequential(nn.Linear(8, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 8))"
            )
    kernel.run(TRAINING)
    if step:
        kernel.run(step)
    return kernel


def by_hand(kernel: Kernel) -> None:
    """Draw four batches, run the model and its loss on each, put everything back: what trials cost at the least."""
    model, loader, criterion = (kernel.names[name] for name in ("model", "train_loader", "criterion"))
    with restored(modules=[model], optimizers=[kernel.names["optimizer"]], loaders=[loader], schedulers=[]):
        for images, labels in islice(loader, 4):
            criterion(model(images), labels).backward()


def shortest(runs: dict[str, Callable[[], object]], remembered: str) -> dict[str, float]:
    """Shortest of many runs of each, in turns; all but one meet cells that were not read before."""
    seconds: dict[str, float] = {}
    for _ in range(NUM_RUNS):
        for name, run in runs.items():
            if name != remembered:
                parse_cell.cache_clear()
                _lines_of_assignments.cache_clear()
            began = time.process_time()
            run()
            seconds[name] = min(time.process_time() - began, seconds.get(name, math.inf))
    return seconds


def main() -> None:
    """Measure and write the section of the results."""
    torch.set_num_threads(1)
    rows = []
    for name, step in SITUATIONS.items():
        full, bare = notebook(step, 187), notebook(step, 0)
        runs = {
            "first": full.discover,
            "again": full.discover,
            "alone": bare.discover,
            "by hand": lambda kernel=full: by_hand(kernel),
        }
        took = shortest(runs, remembered="again")
        took["others"] = took["first"] - took["alone"]
        rows.append(
            [name, *(f"{took[each] * 1e3:.1f} ms" for each in ("first", "again", "alone", "others", "by hand"))]
        )
    count = sum(not name.startswith("_") for name in full.names)
    modules = sum(isinstance(value, torch.nn.Module) for value in full.names.values())
    text = f"""
## How long discovery takes

`%lr_find` in a notebook with {count} names, {modules} modules and {len(full.cells)} executed cells, up to the first
step of the sweep, trial batches included; the shortest of {NUM_RUNS} runs in processor time. *Alone*: the same
training in a notebook without the other names and cells. *By hand*: drawing four batches, forward and backward on each,
and putting everything back.

{table(["", "first time", "again, cells known", "alone", "difference: the other names", "by hand"], rows)}

{machine()}
"""
    write_section("discovery", text)
    print(text)


if __name__ == "__main__":
    main()
