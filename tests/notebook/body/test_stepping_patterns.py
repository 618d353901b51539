from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from lr_magic.notebook.body import setup_from_body
from lr_magic.training.sweeping.range_test import range_test

BODY = """
kind = next(kinds)
if kind == "pass over":
    continue
loss = criterion(model(x), y)
if kind == "zero":
    optimizer.zero_grad()
    continue
loss.backward()
told((kind, loss.item()))
if kind == "step":
    optimizer.step()
    optimizer.zero_grad()
if kind == "break":
    break
"""


def expected_losses(events, num_steps):
    """Sums of the losses between two steps."""
    sums, pieces = [], []
    for kind, loss in events:
        if kind == "zero":
            pieces = []
            continue
        pieces.append(loss)
        if kind == "step":
            sums.append(sum(pieces))
            pieces = []
    return sums[:num_steps]


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(["pass over", "zero", "piece", "break", "step"]), min_size=1, max_size=12))
def test_a_step_tells_the_sum_of_what_it_was_made_on(pattern):
    torch.manual_seed(0)
    model, events = nn.Linear(3, 2), []
    kinds = itertools.cycle([*pattern, "step"])

    def seen():
        for kind in kinds:
            if kind == "zero":
                events.append((kind, 0.0))
            yield kind

    notebook = {
        "__name__": "__main__",
        "model": model,
        "criterion": nn.MSELoss(),
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "loader": [(torch.randn(4, 3), torch.randn(4, 2)) for _ in range(5)],
        "kinds": seen(),
        "told": events.append,
    }
    setup = setup_from_body("for x, y in loader", BODY, notebook).setup
    result = range_test(setup, num_steps=6, start_lr=1e-3, end_lr=1e-1, stop_when_diverged=False)
    assert result.losses == pytest.approx(expected_losses(events, 6), rel=1e-5)
    assert len(result.losses) == 6
