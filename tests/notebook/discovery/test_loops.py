"""Loops of the person's own: whatever way they get their batches, the loss is theirs, or there is a question."""

from __future__ import annotations

import pytest

from lr_magic.pure.errors import DiscoveryError

BASE = """
import torch, torch.nn as nn, torch.nn.functional as F
from itertools import cycle, islice
from tqdm.auto import tqdm
from torch.utils.data import DataLoader, TensorDataset
dataset = TensorDataset(torch.randn(32, 4), torch.arange(32) % 3)
train_loader = DataLoader(dataset, 8, shuffle=True)
other_loader = DataLoader(TensorDataset(torch.randn(16, 4), torch.arange(16) % 3), 8)
model, criterion = nn.Linear(4, 3), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())
def get_batch():
    return torch.randn(8, 4), torch.arange(8) % 3
def shifted(loader):
    for x, y in loader:
        yield x + 1, y
def forever(loader):
    while True:
        yield from loader
"""
STEP = """
    loss = criterion(model(x), y) * 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
OWN_LOSS = "x, y = batch; loss = criterion(model(x), y) * 2"


@pytest.mark.parametrize(
    "loop",
    [
        "pbar = tqdm(enumerate(train_loader), total=4)\nfor i, (x, y) in pbar:",
        "for i, (x, y) in enumerate(tqdm(train_loader, leave=False), start=1):",
        "for x, y in islice(train_loader, 2):",
        "it = iter(train_loader)\nfor i in range(3):\n    x, y = next(it)",
        """it = iter(train_loader)
for i in range(9):
    try:
        x, y = next(it)
    except StopIteration:
        it = iter(train_loader)
        x, y = next(it)""",
        "for i in range(3):\n    x, y = next(iter(train_loader))",
        "it = iter(train_loader)\nfor i in range(3):\n    batch = it.__next__()\n    x, y = batch[0], batch[1]",
        "step, it = 0, None\nit = iter(train_loader)\nwhile step < 3:\n    x, y = next(it)\n    step += 1",
        "it = iter(cycle(train_loader))\nstep = 0\nwhile step < 3:\n    x, y = next(it)\n    step += 1",
    ],
)
def test_a_loop_over_the_loader_in_other_words(notebook, loop):
    book = notebook(BASE, loop + STEP)
    found = book.find()
    book.check_loss(found, OWN_LOSS)
    assert found.setup.train_loader is book["train_loader"]


def test_a_while_around_the_loop_over_the_loader(notebook):
    inner = "".join(f"    {line}\n" for line in f"for x, y in train_loader:{STEP}    step += 1".splitlines())
    book = notebook(BASE, f"step = 0\nwhile step < 3:\n{inner}")
    book.check_loss(book.find(), OWN_LOSS)


def test_an_iterator_of_an_earlier_cell_is_not_touched(notebook):
    book = notebook(BASE, "it = iter(train_loader)", "for i in range(1):\n    x, y = next(it)" + STEP)
    book.check_loss(book.find(), OWN_LOSS)
    assert len(list(book["it"])) == 3


@pytest.mark.parametrize(
    "loop",
    [
        "for i in range(3):\n    x, y = get_batch()",
        "step = 0\nwhile step < 3:\n    step += 1\n    x, y = get_batch()",
        "gen = forever(train_loader)\nfor i in range(3):\n    x, y = next(gen)",
        "for x, y in shifted(train_loader):",
        "for x, y in DataLoader(dataset, 4):",
        "a, b = iter(train_loader), iter(other_loader)\nfor i in range(2):\n    x, y = next(a)\n    u, v = next(b)",
        "for (x, y), (u, v) in zip(train_loader, shifted(other_loader)):",
    ],
)
def test_a_loop_that_gets_its_batches_elsewhere_is_asked_about(notebook, loop):
    book = notebook(BASE, loop + STEP)
    assert "`cell 1` holds a step of yours" in book.refusal()


@pytest.mark.parametrize("over", ["cycle(other_loader)", "other_loader"])
def test_two_loaders_at_once(notebook, over):
    cell = f"for i, ((x, y), (u, _)) in enumerate(zip(train_loader, {over})):" + STEP.replace(
        "* 2", "+ model(u).mean()"
    )
    book = notebook(BASE, cell)
    found = book.find()
    assert len(found.setup.train_loader) == (4 if "cycle" in over else 2)
    book.check_loss(found, "(x, y), (u, _) = batch; loss = criterion(model(x), y) + model(u).mean()")


CLOSURE = """
{head}:
    def closure():
        optimizer.zero_grad()
        loss = criterion(model(x), y) * 2
        loss.backward()
        return loss
    optimizer.step(closure)
"""
WITH_PARAMETERS = """
def train(net, loader, opt):
    step = 0
    while step < 3:
        x, y = get_batch()
        loss = criterion(net(x), y) * 2
        loss.backward()
        opt.step()
        step += 1
"""
IN_A_FUNCTION = "def train():\n" + "".join(
    f"    {line}\n" for line in CLOSURE.format(head="for x, y in train_loader").splitlines()
)


@pytest.mark.parametrize(
    ("cells", "source"),
    [
        ([CLOSURE.format(head="for x, y in train_loader")], "cell 1"),
        ([IN_A_FUNCTION], "train()"),
        ([WITH_PARAMETERS], "train()"),
        ([WITH_PARAMETERS, "train(model, train_loader, optimizer)"], "train()"),
        (["fail = False\nfor x, y in train_loader:" + STEP + "    assert not fail", "fail = True"], None),
        (["scale = 2\nfor x, y in train_loader:" + STEP.replace("* 2", "* scale"), "scale = 'two'"], "cell 1"),
    ],
)
def test_what_cannot_be_followed_and_is_about_the_model_is_asked_about(notebook, cells, source):
    book = notebook(BASE, *cells)
    if source is None:
        book.check_loss(book.find(), OWN_LOSS)
    else:
        assert f"`{source}` holds a step of yours" in book.refusal()


def test_a_loop_that_catches_its_errors(notebook):
    loop = "".join(f"    {line}\n" for line in ("try:" + STEP + "except RuntimeError as e:\n    print(e)").splitlines())
    book = notebook(BASE, "for x, y in train_loader:\n" + loop)
    book.check_loss(book.find(), OWN_LOSS)


def test_two_loaders_one_of_them_held_out_are_asked_about(notebook):
    cell = "for (x, y), (u, v) in zip(train_loader, test_loader):" + STEP
    book = notebook(BASE, "test_loader = DataLoader(dataset, 8)", cell)
    book.refusal()


def test_a_loader_that_was_typed_goes_through_the_step_of_the_loop(notebook):
    book = notebook(BASE, "for x, y in train_loader:" + STEP)
    found = book.find(train="other_loader")
    assert found.setup.train_loader is book["other_loader"]
    book.check_loss(found, OWN_LOSS)


@pytest.mark.parametrize("drawn", ["noise = torch.randn(8, 3)", "import numpy as np; np.random.seed(1)"])
def test_what_a_cell_made_before_its_loop_is_not_made_anew(notebook, drawn):
    cell = f"""
{drawn}
net = nn.Linear(4, 3)
optimizer = torch.optim.Adam(net.parameters())
loader = DataLoader(dataset, 8, shuffle=True, worker_init_fn=None)
weight = torch.rand(3)
for x, y in loader:
    loss = F.cross_entropy(net(x), y, weight=weight)
    loss.backward()
    optimizer.step()
"""
    book = notebook(BASE, cell)
    found = book.find()
    book.check_loss(found, "loss = F.cross_entropy(net(batch[0]), batch[1], weight=weight)")
    assert found.setup.train_loader is book["loader"]


@pytest.mark.parametrize(
    "cell",
    [
        "x, y = next(iter(train_loader))\nloss = criterion(model(x), y) * 5\nloss.backward()",
        "for i in range(3):\n    x = dataset[i][0].clone().requires_grad_()\n    model(x)[0].backward()",
    ],
)
def test_a_cell_that_only_looks_at_gradients_is_no_step(notebook, cell):
    book = notebook(BASE, cell)
    book.check_loss(book.find(), "x, y = batch; loss = criterion(model(x), y)")


MEASURE = """def seconds(size):
    for _ in range(3):
        x, y = torch.randn(size, 4), torch.randint(0, 3, (size,))
        (7 * criterion(model(x), y)).backward()
"""


def test_a_function_that_only_measures_a_backward_pass_is_no_step(notebook):
    book = notebook(BASE, MEASURE, "seconds(4)")
    book.check_loss(book.find(), "x, y = batch; loss = criterion(model(x), y)")


def test_a_function_that_another_cell_steps_after_is_asked_about(notebook):
    book = notebook(BASE, MEASURE, "for _ in range(3):\n    seconds(4)\n    optimizer.step()")
    with pytest.raises(DiscoveryError, match="could not follow"):
        book.find()


def test_gradients_looked_at_after_the_training(notebook):
    look = "for x, y in other_loader:\n    (criterion(model(x), y) * 7).backward()\n    break"
    book = notebook(BASE, "for x, y in train_loader:" + STEP, look)
    found = book.find()
    book.check_loss(found, OWN_LOSS)
    assert found.setup.train_loader is book["train_loader"]
