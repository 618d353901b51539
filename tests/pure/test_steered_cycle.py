from __future__ import annotations

import numpy as np
import pytest

from lr_magic.pure.cycle.steered_cycle import SteeredCycle, cooling_steps
from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.fit_event import EventKind, FitEvent
from lr_magic.pure.schedules import OneCycle

CYCLE = OneCycle(max_lr=0.1, total_steps=100)


def lrs_of(schedule):
    return [schedule.lr_at(step) for step in range(schedule.total_steps)]


def momenta_of(schedule):
    return [schedule.momentum_at(step) for step in range(schedule.total_steps)]


def test_without_a_change_it_is_the_planned_cycle_to_the_last_digit():
    steered = SteeredCycle.of(CYCLE)
    assert lrs_of(steered) == [CYCLE.lr_at(step) for step in range(100)]
    assert momenta_of(steered) == [CYCLE.momentum_at(step) for step in range(100)]


@pytest.mark.parametrize("step", [1, 15, 29, 30, 60, 99])
@pytest.mark.parametrize("num_steps", [1, 2, 10])
def test_annealing_goes_from_the_current_rate_down_to_the_final_rate(step, num_steps):
    steered = SteeredCycle.of(CYCLE).annealed(step, num_steps)
    lrs = lrs_of(steered)
    assert steered.total_steps == len(lrs) == step + num_steps
    assert lrs[:step] == lrs_of(CYCLE)[:step]
    assert lrs[-1] == CYCLE.final_lr
    assert momenta_of(steered)[-1] == CYCLE.max_momentum
    assert (np.diff(lrs[step - 1 :]) < 0).all() or CYCLE.lr_at(step - 1) == CYCLE.final_lr
    # the cosine formula, from the rate of the step before
    start, end = CYCLE.lr_at(step - 1), CYCLE.final_lr
    expected = [end + (start - end) / 2 * (np.cos(np.pi * i / num_steps) + 1) for i in range(1, num_steps + 1)]
    assert lrs[step:] == pytest.approx(expected, rel=1e-9)


def test_annealing_before_the_first_step_begins_at_the_initial_rate():
    steered = SteeredCycle.of(CYCLE).annealed(0, 4)
    assert steered.total_steps == 4
    assert steered.lr_at(0) < CYCLE.initial_lr
    assert steered.lr_at(3) == CYCLE.final_lr


def test_linear_cycles_cool_down_along_a_line():
    cycle = OneCycle(max_lr=0.1, total_steps=100, annealing="linear")
    lrs = lrs_of(SteeredCycle.of(cycle).annealed(50, 10))
    assert np.diff(lrs[49:]) == pytest.approx(np.full(10, (cycle.final_lr - cycle.lr_at(49)) / 10))


@pytest.mark.parametrize("step", [0, 10, 30, 70, 99])
def test_extending_neither_jumps_nor_ends_elsewhere(step):
    steered = SteeredCycle.of(CYCLE).extended(step, 50)
    lrs = lrs_of(steered)
    assert steered.total_steps == 150
    assert lrs[: step + 1] == [CYCLE.lr_at(s) for s in range(step + 1)]
    assert lrs[-1] == CYCLE.final_lr
    assert max(lrs) <= CYCLE.max_lr * (1 + 1e-12)
    largest_planned = max(abs(np.diff(lrs_of(CYCLE))))
    assert max(abs(np.diff(lrs))) <= largest_planned * (1 + 1e-9)


def test_lowering_divides_the_rates_from_there_on():
    steered = SteeredCycle.of(CYCLE).lowered(40, 3.0)
    planned, lrs = lrs_of(CYCLE), lrs_of(steered)
    assert lrs[:40] == planned[:40]
    assert lrs[40:] == pytest.approx([lr / 3 for lr in planned[40:]])
    assert momenta_of(steered) == momenta_of(CYCLE)


def test_changes_add_up_and_past_steps_stay():
    first = SteeredCycle.of(CYCLE).lowered(20, 2.0)
    second = first.extended(40, 30)
    third = second.annealed(60, 10)
    fourth = third.lowered(65, 2.0).extended(67, 5)
    assert lrs_of(second)[:40] == lrs_of(first)[:40]
    assert lrs_of(third)[:60] == lrs_of(second)[:60]
    assert lrs_of(fourth)[:65] == lrs_of(third)[:65]
    assert fourth.total_steps == 75
    assert third.lr_at(69) == pytest.approx(CYCLE.final_lr / 2)
    assert fourth.lr_at(74) == pytest.approx(CYCLE.final_lr / 4)


@pytest.mark.parametrize("step", [0, 10, 40, 99])
def test_what_was_lowered_at_the_step_where_the_cooling_begins_cools_down_from_there(step):
    lowered = lrs_of(SteeredCycle.of(CYCLE).lowered(step, 3.0).annealed(step, 10))
    annealed = lrs_of(SteeredCycle.of(CYCLE).annealed(step, 10))
    assert lowered[:step] == annealed[:step]
    assert lowered[step:] == pytest.approx([lr / 3 for lr in annealed[step:]])
    assert lrs_of(SteeredCycle.of(CYCLE).annealed(step, 10).lowered(step, 3.0)) == pytest.approx(lowered)


def test_the_events_of_a_history_make_the_same_schedule_again():
    events = [
        FitEvent(20, EventKind.PEAK_LOWERED, "", 2.0),
        FitEvent(25, EventKind.BLEW_UP, ""),
        FitEvent(40, EventKind.EXTENDED, "", 30),
        FitEvent(60, EventKind.ANNEALED, "", 10),
    ]
    by_hand = SteeredCycle.of(CYCLE).lowered(20, 2.0).extended(40, 30).annealed(60, 10)
    assert SteeredCycle.of(CYCLE, events) == by_hand


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.annealed(100, 5),
        lambda s: s.annealed(-1, 5),
        lambda s: s.annealed(5, 0),
        lambda s: s.extended(5, 0),
        lambda s: s.lowered(5, 1.0),
        lambda s: s.lr_at(100),
    ],
)
def test_impossible_changes_are_refused(change):
    with pytest.raises(SettingError):
        change(SteeredCycle.of(CYCLE))


def test_a_training_of_one_step_can_be_steered():
    cycle = OneCycle(max_lr=0.1, total_steps=1)
    assert SteeredCycle.of(cycle).lr_at(0) == 0.1
    assert SteeredCycle.of(cycle).extended(0, 4).total_steps == 5


def test_the_cooling_is_a_fifth_of_what_the_training_becomes():
    num_steps = cooling_steps(800, 10_000)
    assert num_steps / (800 + num_steps) == pytest.approx(0.2)
    assert cooling_steps(800, 810) == 10
    assert cooling_steps(0, 10) == 1
