from __future__ import annotations

import ast

import pytest

from lr_magic.notebook.body.planned_steps import planned_steps

from .conftest import run

LOOP = """
for epoch in range(EPOCHS):
    for x, y in train_loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
"""


def tqdm(iterable):
    return iterable


tqdm.__module__ = "tqdm.std"


def steps_of(cell, namespace):
    namespace["tqdm"] = tqdm
    return planned_steps(ast.parse(cell).body, namespace)


@pytest.mark.parametrize(
    ("cell", "steps"),
    [
        (LOOP, 30),
        (LOOP.replace("range(EPOCHS)", "range(1, EPOCHS + 1)"), 30),
        (LOOP.replace("range(EPOCHS)", "tqdm(range(3))"), 18),
        ("EPOCHS = 2\n" + LOOP, 12),
        (LOOP.replace("train_loader:", "enumerate(train_loader):"), 30),
        (LOOP.replace("for x, y in train_loader:", "for (x, y), _ in zip(train_loader, valid_loader):"), 10),
        (LOOP + "    for x, y in valid_loader:\n        model(x)\n", 30),
        (LOOP + "    scheduler.step()\n", 30),
        ("my_sched = torch.optim.lr_scheduler.StepLR(optimizer, 1)\n" + LOOP + "    my_sched.step()\n", 30),
        ("plan = torch.optim.lr_scheduler.StepLR(optimizer, 1)\n" + LOOP + "    plan.step()\n", 30),
        ("loader = DataLoader(dataset, batch_size=16)\n" + LOOP.replace("train_loader", "loader"), 15),
        ("opt = torch.optim.Adam(model.parameters())\n" + LOOP.replace("optimizer", "opt"), 30),
        (LOOP.replace("        optimizer.step()", "        if (i + 1) % 2 == 0:\n            optimizer.step()"), 15),
        (LOOP.replace("        optimizer.step()", "        if i % 4 == 3:\n            optimizer.step()"), 5),
        (LOOP.replace("range(EPOCHS)", "range(0)"), None),
        ("for _ in range(7):\n    optimizer.step()", 7),
        ("def train(n):\n" + LOOP.replace("EPOCHS", "n").replace("\n", "\n    ") + "\ntrain(n=4)", 24),
        (LOOP.replace("train_loader:", "list(train_loader):"), 30),
        ("losses = [train_step(b) for b in train_loader]", None),
        ("while True:\n    optimizer.step()", None),
        ("for x, y in batches():\n    optimizer.step()", None),
        ("print('no training')", None),
    ],
)
def test_steps_from_the_loops(notebook, cell, steps):
    assert steps_of(cell, notebook) == steps


def test_phases_of_an_epoch(notebook):
    notebook["loaders"] = {"train": notebook["train_loader"], "val": notebook["valid_loader"]}
    cell = """
for epoch in range(2):
    for phase in ['train', 'val']:
        for x, y in loaders[phase]:
            with torch.set_grad_enabled(phase == 'train'):
                loss = criterion(model(x), y)
                if phase == 'train':
                    loss.backward()
                    optimizer.step()
        if phase == 'train':
            scheduler.step()
"""
    assert steps_of(cell, notebook) == 12


def test_functions_of_earlier_cells(notebook):
    run(notebook, "def train_step(x, y):\n    optimizer.step()\n")
    run(
        notebook,
        "def train(model, loader, optimizer, epochs=3, log=None):\n"
        "    for epoch in range(epochs):\n        for x, y in loader:\n            train_step(x, y)\n",
    )
    assert steps_of("train(model, train_loader, optimizer)", notebook) == 18
    assert steps_of("history = train(model, valid_loader, optimizer, epochs=EPOCHS)", notebook) == 10
    assert steps_of("for _ in range(2):\n    train(model, train_loader, optimizer, 1)", notebook) == 12


def test_a_trainer_of_ones_own(notebook):
    run(
        notebook,
        "class Trainer:\n    def __init__(self, epochs):\n        self.epochs = epochs\n"
        "    def fit(self, loader):\n        for _ in range(self.epochs):\n"
        "            for b in loader:\n                optimizer.step()\n"
        "trainer = Trainer(2)",
    )
    assert steps_of("trainer.fit(train_loader)", notebook) == 12


TRAINER = """
class Trainer:
    def __init__(self): self.model = model
    def fit(self, epochs):
        for epoch in range(epochs):
            self.train_epoch()
    def train_epoch(self):
        for x, y in train_loader:
            criterion(self.model(x), y).backward()
            optimizer.step()
trainer = Trainer()
"""


def test_methods_that_call_methods(notebook):
    run(notebook, TRAINER)
    assert steps_of("trainer.fit(2)", notebook) == 12


@pytest.mark.parametrize(
    ("test", "steps"),
    [
        ("(i + 1) % 4 == 0", 5),
        ("(i + 1) % 4 == 0 or i + 1 == len(train_loader)", 10),
        ("i % 4 == 3 or i == 5", 10),
        ("i > 2", 15),
    ],
)
def test_tests_on_the_number_of_the_batch_are_counted(notebook, test, steps):
    loop = LOOP.replace("x, y in train_loader", "i, (x, y) in enumerate(train_loader)")
    assert steps_of(loop.replace("optimizer.step()", f"if {test}: optimizer.step()"), notebook) == steps
