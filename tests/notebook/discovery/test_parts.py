"""The parts of discovery by themselves."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import sys
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lr_magic.notebook.discovery as package
from lr_magic.notebook.discovery.cell_history import UNKNOWN_MOMENT, CellHistory
from lr_magic.notebook.discovery.cells import parse_cell
from lr_magic.notebook.discovery.device import training_device
from lr_magic.notebook.discovery.index_guard import IndexGuard
from lr_magic.notebook.discovery.own_step.names import changes, reads
from lr_magic.notebook.discovery.own_step.slicing import names_carried
from lr_magic.notebook.discovery.request import DiscoveryRequest
from lr_magic.notebook.discovery.words import Split, sounds_like_loader, split_of

MODULES = [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0


@pytest.mark.parametrize(
    ("cell", "python"),
    [
        ("%%time\nx = 1", "x = 1"),
        ("%%capture out\n%%time\nx = 1", "x = 1"),
        ("get_ipython().run_cell_magic('time', '', 'x = 1\\n')", "x = 1"),
        ("%time x = f(1)", "x = f(1)"),
        ("!pip install torch\nx = 1", "pass\nx = 1"),
        ("x = !ls\ny = 2", "x = None\ny = 2"),
        ("model?\nx = 1", "pass\nx = 1"),
        ("if a:\n    %matplotlib inline\nx = 1", "if a:\n    pass\nx = 1"),
        ("%%bash\nx = 1", ""),
        ("%%html\n<b>x = 1</b>", ""),
        ("this is no python", ""),
    ],
)
def test_cells_are_seen_through_their_magics(cell, python):
    assert ast.unparse(parse_cell(cell)) == python


def test_last_assignment_is_the_last_that_ran():
    history = CellHistory(["a = 1\nb = 2", "for b in range(3):\n    c = b", "def f():\n    a = 5", "%%time\nd = a = 3"])
    assert [history.last_assignment(name)[0] for name in "abcfd"] == [3, 1, 1, 2, 3]
    assert history.last_assignment("loaders['train']") == UNKNOWN_MOMENT
    assert history.last_assignment("b[0]") == (1, 1)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train_loader", Split.TRAIN),
        ("trainloader", Split.TRAIN),
        ("TrainDL", Split.TRAIN),
        ("trn_dl", Split.TRAIN),
        ("dataloaders['train']", Split.TRAIN),
        ("valid_dl", Split.VALID),
        ("val_loader", Split.VALID),
        ("evalloader", Split.VALID),
        ("devData", Split.VALID),
        ("train_eval_loader", Split.VALID),
        ("testloader", Split.TEST),
        ("holdout", Split.TEST),
        ("submission_dl", Split.TEST),
        ("values", Split.UNLABELLED),
        ("dataloader", Split.UNLABELLED),
        ("device_loader", Split.UNLABELLED),
        ("latest_loader", Split.UNLABELLED),
    ],
)
def test_names_promise_a_split(name, split):
    assert split_of(name) is split


def test_a_criterion_is_no_iterator():
    assert not sounds_like_loader("criterion")
    assert sounds_like_loader("train_iter")


def test_names_of_a_statement():
    assert reads(ast.parse("y = [f(x) for x in xs if x > z]")) == {"f", "xs", "z"}
    assert reads(ast.parse("g = lambda a, b=c: a + b + d")) == {"c", "d"}
    assert reads(ast.parse("total += v")) == {"total", "v"}
    assert changes(
        ast.parse("a[0] = 1; b.c = 2; d.append(e); f.mul_(2); g.relu(); torch.nn.utils.clip_grad_norm_(p, 1)")
    ) == {*"abdf"}


def test_carried_names_are_read_before_they_are_bound():
    body = ast.parse("h = [x.data for x in h]\nout, h = net(b, h)\nwith c:\n    loss = f(out)\nloss.backward()").body
    assert names_carried(body) == {"h"}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: F.embedding(torch.tensor([7]), torch.zeros(5, 2)),
        lambda: nn.Embedding(5, 2)(torch.tensor([-1])),
        lambda: nn.CrossEntropyLoss()(torch.zeros(2, 3), torch.tensor([0, 3])),
        lambda: torch.zeros(2, 3).gather(1, torch.tensor([[5]])),
    ],
)
def test_indices_are_refused_before_a_device_sees_them(wrong):
    with IndexGuard(), pytest.raises(IndexError, match="for a table of"):
        wrong()


def test_right_indices_pass():
    with IndexGuard():
        F.embedding(torch.tensor([4]), torch.zeros(5, 2))
        F.cross_entropy(torch.zeros(2, 3), torch.tensor([-100, 2]))


def test_the_check_for_traces_sees_one(notebook, monkeypatch):
    book = notebook("import torch, torch.nn as nn\nnet = nn.BatchNorm1d(2)")
    monkeypatch.setattr(
        sys.modules["lr_magic.notebook.discovery.discover"], "collect", lambda names: names["net"](torch.randn(4, 2))
    )
    with pytest.raises(AssertionError, match="running_mean"):
        book.find()


def test_a_model_without_parameters_runs_on_the_accelerator_that_torch_names(monkeypatch):
    named = SimpleNamespace(is_available=lambda: True, current_accelerator=lambda: torch.device("meta"))
    monkeypatch.setattr(torch, "accelerator", named)
    assert training_device(nn.Identity(), DiscoveryRequest(), {}) == torch.device("meta")
    assert training_device(nn.BatchNorm1d(2, affine=False), DiscoveryRequest(), {}) == torch.device("cpu")
