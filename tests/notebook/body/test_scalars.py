from __future__ import annotations

import ast

import pytest
import torch

from lr_magic.notebook.body.clause import parse_clause
from lr_magic.notebook.body.scalars import followed_scalars, metric_names, scalar_of


def names_of(body, clause="for x, y in loader"):
    return set(metric_names(parse_clause(clause), ast.parse(body).body))


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("out = model(x)\nacc = (out.argmax(1) == y).float().mean()", {"out", "acc"}),
        ("with amp():\n  ce = f(x)\n  kl = g(x)\n  loss = ce + kl", {"ce", "kl"}),
        ("x = x / 255\nacc = f(x)", {"acc"}),
        ("x, extra = x\nacc: float = f(x)", {"extra", "acc"}),
        ("loss = f(x)\nloss = loss / 4", set()),
        ("loss = f(x)\nvalue = loss.item()\nother = float(loss.detach().cpu())", set()),
        ("total += f(x)", set()),
        ("total = total + f(x)\nmean = total / n", set()),
        ("ema = 0.9 * ema + 0.1 * f(x)", set()),
        ("count += 1\nrate = correct / count", set()),
        ("start = time.time()\nacc = f(x)\nseconds = time.time() - start", {"acc"}),
        ("lr = scheduler.get_last_lr()[0]\nrate = optimizer.param_groups[0]['lr']", set()),
        ("alpha = 0.5\nacc = f(x)", {"acc"}),
        ("if i % 10 == 0:\n  acc = f(x)", set()),
        ("for part in x:\n  piece = f(part)", set()),
        ("def f(x):\n  inner = 1.0\n  return inner", set()),
        ("h = detached(h)\nout, h = model(x, h)\nacc = f(out)", {"h", "out", "acc"}),
        ("acc = f(x)\nacc = acc * 100", {"acc"}),
    ],
)
def test_which_names_are_followed(body, names):
    assert names_of(body) == names


@pytest.mark.parametrize(
    ("value", "scalar"),
    [
        (0.5, 0.5),
        (torch.tensor(0.25), 0.25),
        (torch.tensor(0.25, requires_grad=True), 0.25),
        (3, None),
        (True, None),
        (torch.tensor(3), None),
        (torch.ones(2), None),
        ("0.5", None),
        (None, None),
    ],
)
def test_which_values_are_scalars(value, scalar):
    assert scalar_of(value) == scalar


def test_scalars_are_off_the_graph():
    assert not scalar_of(torch.ones((), requires_grad=True) * 2).requires_grad


def test_the_loss_under_another_name_is_no_metric():
    loss = torch.ones(())
    assert followed_scalars({"cost": loss, "acc": 0.5}, [loss]) == {"acc": 0.5}
