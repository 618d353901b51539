from __future__ import annotations

import os
import random
import signal
import threading

import pytest
import torch

from lr_magic.notebook.body import setup_from_body
from lr_magic.notebook.shadow import whole_cell
from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.sweeping.range_test import range_test
from lr_magic.training.sweeping.sweep_settings import SweepSettings

BODY = """
optimizer.zero_grad()
loss = criterion(model(images), labels)
loss.backward()
optimizer.step()
running += loss.item()
parts = [running]
"""
CLAUSE = "for images, labels in train_loader"
LONG = {"num_steps": 50_000, "start_lr": 1e-6, "end_lr": 1e-3, "stop_when_diverged": False}


@pytest.fixture
def notebook(notebook):
    notebook["running"] = 0.0
    return notebook


def interrupted(run, delay):
    """Run until an interrupt that arrives after a while; it may arrive anywhere."""
    begun = threading.Event()

    def interrupt():
        begun.wait()
        threading.Event().wait(delay)
        os.kill(os.getpid(), signal.SIGINT)

    def begin():
        begun.set()
        run()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        begin()
    thread.join()


def way_of(kind, notebook):
    if kind == "cell":
        cell = "while True:\n    " + CLAUSE + ":" + BODY.replace("\n", "\n        ")
        return lambda: whole_cell(cell, notebook).range_test(SweepSettings(**LONG))
    setup = setup_from_body(CLAUSE, BODY, notebook).setup
    if kind == "sweep":
        return lambda: range_test(setup, **LONG)
    return lambda: fit_one_cycle(setup, epochs=5000, max_lr=1e-3)


@pytest.mark.parametrize("kind", ["sweep", "fit", "cell"])
def test_an_interrupt_anywhere_leaves_nothing_behind(notebook, kind):
    names, backward, choose = dict(notebook), torch.autograd.backward, random.Random(1)
    objects = [notebook[name] for name in ("model", "optimizer")]
    attributes = [set(vars(value)) for value in objects]
    run = way_of(kind, notebook)
    for _ in range(12):
        interrupted(run, choose.uniform(0.02, 0.08))
        assert notebook == names
        assert torch.autograd.backward is backward
        assert [set(vars(value)) for value in objects] == attributes
