"""Objects from before a run are left out of its garbage collections, and only until it ends."""

from __future__ import annotations

import gc

import pytest

from lr_magic import fit_one_cycle, range_test
from lr_magic.training.frozen_heap import frozen_heap
from lr_magic.training.intercepting.interception_range_test import intercepted_range_test
from lr_magic.training.probing.comparison import compare

from .small_setups import small_setup


class Interruption(BaseException):
    pass


def intercepted(setup, *, on_step):
    def train():
        for x, _ in setup.train_loader:
            setup.optimizer.zero_grad()
            setup.model(x).square().mean().backward()
            setup.optimizer.step()

    intercepted_range_test(train, on_step=on_step)


RUNS = {
    "sweep": lambda setup, look: range_test(setup, num_steps=5, on_step=look),
    "adaptive sweep": lambda setup, look: range_test(setup, on_step=look),
    "fit": lambda setup, look: fit_one_cycle(setup, steps=5, max_lr=1e-2, on_step=look),
    "comparison": lambda setup, look: compare(setup, [1e-3, 1e-2], steps=5, on_step=lambda _, record: look(record)),
    "a loop of one's own": lambda setup, look: intercepted(setup, on_step=look),
}


@pytest.mark.parametrize("name", RUNS)
def test_what_was_there_before_is_frozen_during_the_run_alone(name):
    before, seen = gc.get_freeze_count(), []
    RUNS[name](small_setup(), lambda _: seen.append(gc.get_freeze_count()))
    assert min(seen) > before + 10_000
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("name", RUNS)
def test_nothing_stays_frozen_after_an_interrupt(name):
    def interrupt(_):
        raise Interruption

    with pytest.raises(Interruption):
        RUNS[name](small_setup(), interrupt)
    assert gc.get_freeze_count() == 0


def test_what_somebody_else_has_frozen_stays_frozen():
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        range_test(small_setup(), num_steps=5)
        assert gc.get_freeze_count() == pytest.approx(frozen, rel=0.01)
    finally:
        gc.unfreeze()


def test_garbage_of_the_run_itself_is_collected():
    class Node:
        pass

    with frozen_heap():
        node = Node()
        node.itself = node
        del node
        assert gc.collect() >= 1
