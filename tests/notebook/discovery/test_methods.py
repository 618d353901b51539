"""Steps in methods of the person's own classes: trainers, models that fit themselves."""

from __future__ import annotations

import copy

import pytest

from lr_magic.training.sweeping.range_test import range_test

BASE = """
import torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
train_loader = DataLoader(TensorDataset(torch.randn(32, 4), torch.randint(0, 3, (32,))), 8, shuffle=True)
"""
OBJECTS = """
model, criterion = nn.Linear(4, 3), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())
"""


def test_a_model_that_fits_itself(notebook):
    book = notebook(
        BASE,
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
    def forward(self, x):
        return self.layer(x)
    def fit(self, loader, optimizer, epochs=3):
        for _ in range(epochs):
            for x, y in loader:
                loss = F.cross_entropy(self(x), y, label_smoothing=0.1)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
""",
    )
    book.check_loss(book.find(), "loss = F.cross_entropy(model(batch[0]), batch[1], label_smoothing=0.1)")


STEPPER = """
class Base:
    def __init__(self, net, optim):
        self.net, self.optim, self.num_calls, self.seen = net, optim, 0, {{"losses": []}}
    def compute(self, x, y):
        self.num_calls += 1
        return F.cross_entropy(self.net(x), y) * 3
class Stepper(Base):
    def train_step(self, {parameters}):
        {unpack}
        loss = self.compute(x, y)
        self.optim.zero_grad()
        loss.backward()
        self.optim.step()
        self.seen["losses"].append(loss.item())
        return loss.item()
stepper = Stepper(model, optimizer)
"""


@pytest.mark.parametrize(("parameters", "unpack"), [("batch", "x, y = batch"), ("x, y", "pass")])
def test_a_method_that_takes_a_batch_and_counts(notebook, parameters, unpack):
    book = notebook(BASE, OBJECTS, STEPPER.format(parameters=parameters, unpack=unpack))
    before = copy.deepcopy({k: v for k, v in vars(book["stepper"]).items() if k in {"num_calls", "seen"}})
    found = book.find()
    book.check_loss(found, "loss = F.cross_entropy(model(batch[0]), batch[1]) * 3")
    book["stepper"].num_calls = before["num_calls"]
    range_test(found.setup, num_steps=10)
    assert {k: vars(book["stepper"])[k] for k in before} == before


@pytest.mark.parametrize("change", ["seen.append(x); loss = loss + len(seen)", "self.opt_b.step()"])
def test_a_method_that_cannot_be_followed_is_asked_about(notebook, change):
    book = notebook(
        BASE,
        OBJECTS,
        f"""
seen = []
class Trainer:
    def __init__(self):
        self.model, self.opt_a, self.opt_b = model, optimizer, torch.optim.SGD([torch.zeros(1)], lr=1)
    def run(self):
        for x, y in train_loader:
            loss = criterion(model(x), y) * 2
            {change}
            loss.backward()
            self.opt_a.step()
trainer = Trainer()
""",
    )
    assert "`trainer.run()`" in book.refusal()


def test_the_trainer_of_another_model_is_no_matter(notebook):
    book = notebook(BASE, OBJECTS, STEPPER.format(parameters="batch", unpack="x, y = batch"))
    book.run(OBJECTS)
    book.check_loss(book.find(), "loss = criterion(model(batch[0]), batch[1])")


def test_a_method_that_counts_and_keeps_its_loss_itself(notebook):
    book = notebook(
        BASE,
        OBJECTS,
        """
class Trainer:
    def __init__(self):
        self.model, self.optimizer, self.num_steps, self.loss = model, optimizer, 0, None
    def fit(self, epochs):
        for epoch in range(epochs):
            for x, y in train_loader:
                self.num_steps += 1
                self.loss = criterion(self.model(x), y) * 2
                self.optimizer.zero_grad()
                self.loss.backward()
                self.optimizer.step()
trainer = Trainer()
""",
    )
    found = book.find()
    range_test(found.setup, num_steps=10)
    assert (book["trainer"].num_steps, book["trainer"].loss) == (0, None)
    book.check_loss(found, "loss = criterion(model(batch[0]), batch[1]) * 2")
