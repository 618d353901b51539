from __future__ import annotations

import signal
import threading

import pytest

from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.interrupts import InterruptGate
from lr_magic.training.restoring.restore import Restored, restored
from lr_magic.training.sweeping.range_test import range_test

from .endings import interrupt
from .fingerprint import bytes_of, fingerprint, plain
from .small_setups import small_setup


def test_an_open_gate_lets_an_interrupt_pass():
    with pytest.raises(KeyboardInterrupt), InterruptGate():
        interrupt()


def test_a_shut_gate_holds_one_interrupt_until_it_opens():
    reached = []
    with pytest.raises(KeyboardInterrupt), InterruptGate() as gate:  # noqa: PT012
        gate.shut()
        interrupt()
        reached.append("after the first")
        gate.open()
        reached.append("never")
    assert reached == ["after the first"]


def test_a_second_interrupt_passes_a_shut_gate_but_not_a_locked_one():
    with pytest.raises(KeyboardInterrupt), InterruptGate() as gate:  # noqa: PT012
        gate.lock()
        for _ in range(5):
            interrupt()
    with pytest.raises(KeyboardInterrupt), InterruptGate() as gate:  # noqa: PT012
        gate.shut()
        interrupt()
        interrupt()
        pytest.fail("the second interrupt did not pass")


def test_the_handler_that_was_there_is_called_and_comes_back():
    calls = []
    before = signal.signal(signal.SIGINT, lambda *_: calls.append(1))
    try:
        mine = signal.getsignal(signal.SIGINT)
        with InterruptGate():
            interrupt()
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls == [1]


def test_a_run_in_another_thread_needs_no_signals():
    results = []
    thread = threading.Thread(target=lambda: results.append(range_test(small_setup(), num_steps=5)))
    thread.start()
    thread.join()
    assert len(results[0].losses) == 5


@pytest.mark.parametrize("place", ["_put_back", "_forget"])
def test_an_interrupt_while_everything_is_put_back_waits(monkeypatch, place):
    setup = small_setup()
    before = fingerprint(setup)
    original = getattr(Restored, place)

    def interrupted(self):
        interrupt()
        original(self)
        interrupt()

    monkeypatch.setattr(Restored, place, interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        range_test(setup, num_steps=5)
    assert fingerprint(setup) == before
    assert len(caught.value.lr_magic_result.losses) == 5
    assert caught.value.lr_magic_result.stop_reason.value == "completed"


def test_an_interrupt_while_the_state_is_taken_waits(monkeypatch):
    setup = small_setup()
    before = fingerprint(setup)
    original = Restored._set_aside

    def interrupted(self):
        interrupt()
        original(self)

    monkeypatch.setattr(Restored, "_set_aside", interrupted)
    with pytest.raises(KeyboardInterrupt), restored(setup):
        pytest.fail("the block was entered")
    assert fingerprint(setup) == before


def test_two_interrupts_one_after_the_other_do_not_break_the_restore():
    setup = small_setup()
    before = fingerprint(setup)
    with pytest.raises(KeyboardInterrupt), restored(setup):  # noqa: PT012
        setup.model[0].weight.data.zero_()
        try:
            interrupt()
        finally:
            interrupt()
    assert fingerprint(setup) == before


@pytest.mark.parametrize("at", [0, 3, 7])
def test_a_training_that_is_interrupted_within_a_step_has_whole_steps(at):
    setup = small_setup()
    snapshots = []
    setup.optimizer.register_step_post_hook(
        lambda *_: snapshots.append([bytes_of(p) for p in setup.model.parameters()])
    )
    original = setup.optimizer.step

    def step(*args, **kwargs):
        if len(snapshots) == at:
            interrupt()  # half of the parameters would still be untouched
        return original(*args, **kwargs)

    setup.optimizer.step = step
    groups = [{k: plain(v) for k, v in g.items() if k != "params"} for g in setup.optimizer.param_groups]
    with pytest.raises(KeyboardInterrupt) as caught:
        fit_one_cycle(setup, steps=10, max_lr=1e-2)
    history = caught.value.lr_magic_result
    assert len(history.steps) == len(snapshots) == at + 1
    assert [bytes_of(p) for p in setup.model.parameters()] == snapshots[-1]
    assert [{k: plain(v) for k, v in g.items() if k != "params"} for g in setup.optimizer.param_groups] == groups
    assert history.stop_reason.value == "interrupted"
