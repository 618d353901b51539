"""What discovery costs, counted, not timed: batches drawn, models run, cells read, calls made."""

from __future__ import annotations

import sys
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from benchmarks.discovery_speed import SITUATIONS, Kernel, notebook
from lr_magic.notebook.discovery.cells import parse_cell
from lr_magic.notebook.discovery.trial_batches import NUM_TRIAL_BATCHES

by_situation = pytest.mark.parametrize("step", SITUATIONS.values(), ids=["no loop", "executed cell", "trainer"])


@contextmanager
def counted_calls():
    """Python functions called in the block."""
    calls = []

    def count(_frame, event, _argument):
        if event == "call":
            calls.append(1)

    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def calls_of_discovery(kernel: Kernel) -> int:
    kernel.discover()
    parse_cell.cache_clear()
    with counted_calls() as calls:
        kernel.discover()
    return len(calls)


@by_situation
def test_each_further_name_costs_next_to_nothing(step):
    few, many = notebook(step, 20), notebook(step, 187)
    further_names, further_cells = len(many.names) - len(few.names), len(many.cells) - len(few.cells)
    further_calls = calls_of_discovery(many) - calls_of_discovery(few)
    assert further_calls < 60 * (further_names + further_cells)


@by_situation
def test_only_cells_that_matter_are_read_and_each_once(step):
    kernel = notebook(step, 187)
    parse_cell.cache_clear()
    kernel.discover()
    read = parse_cell.cache_info().misses
    assert read < 40 < len(kernel.cells)
    kernel.discover()
    assert parse_cell.cache_info().misses == read


@by_situation
def test_a_handful_of_batches_and_only_the_chosen_model(step, monkeypatch):
    kernel = notebook(step, 187)
    drawn, run = [], []
    take = torch.utils.data.TensorDataset.__getitem__
    call = nn.Module.__call__
    monkeypatch.setattr(
        torch.utils.data.TensorDataset, "__getitem__", lambda self, i: (drawn.append(i), take(self, i))[1]
    )
    monkeypatch.setattr(nn.Module, "__call__", lambda self, *a, **k: (run.append(self), call(self, *a, **k))[1])
    kernel.discover()
    # the trial batches (32 samples), and one of the validation loader (64)
    assert len(drawn) <= NUM_TRIAL_BATCHES * 32 + 64
    of_others = {id(value) for name, value in kernel.names.items() if name.startswith("encoder_")}
    assert of_others
    assert not of_others & {id(module) for module in run}
    assert sum(module is kernel.names["model"] for module in run) <= 4 * NUM_TRIAL_BATCHES
