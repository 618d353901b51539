from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from lr_magic.pure.control import Extend, RunControl
from lr_magic.pure.curve_reading.suggestion import suggest
from lr_magic.pure.results.range_test_result import RangeTestResult
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.pure.schedules import sweep_lrs
from lr_magic.training.steering import Steering
from lr_magic.training.sweeping import sweep as sweep_module
from lr_magic.training.sweeping.range_test import range_test
from lr_magic.training.sweeping.sweep import Sweep
from lr_magic.training.sweeping.sweep_plan import TimePlan
from lr_magic.training.sweeping.sweep_settings import SweepSettings

from .small_setups import small_model, small_setup

CPU = torch.device("cpu")


def swept(optimizer, settings, losses=None):
    """Drive a sweep with given losses; the rates that each step saw, and the result."""
    seen = []
    sweep = Sweep(settings, [optimizer], CPU)
    while sweep.begin_step():
        seen.append([float(group["lr"]) for group in optimizer.param_groups])
        sweep.end_step(torch.tensor(2.0 if losses is None else float(losses[len(seen) - 1])))
    return seen, sweep.result()


def optimizer_of(*lrs, **options):
    parameters = [torch.nn.Parameter(torch.ones(1)) for _ in lrs]
    return torch.optim.SGD([{"params": [p], "lr": lr} for p, lr in zip(parameters, lrs, strict=True)], lr=1, **options)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("num_steps", [1, 2, 3, 100])
def test_a_sweep_visits_the_planned_rates(linear, num_steps):
    seen, result = swept(optimizer_of(0.1), SweepSettings(1e-5, 1.0, num_steps, linear=linear))
    expected = sweep_lrs(1e-5, 1.0, num_steps, linear=linear).tolist()
    assert [lr for (lr,) in seen] == result.lrs.tolist() == expected
    assert result.stop_reason is StopReason.COMPLETED


def test_the_ratios_of_param_groups_stay_and_the_axis_is_the_highest():
    seen, result = swept(optimizer_of(1e-3, 1e-2, 0.0), SweepSettings(1e-4, 1e-1, 4))
    assert result.lrs.tolist() == [lrs[1] for lrs in seen] == sweep_lrs(1e-4, 1e-1, 4).tolist()
    assert np.allclose([lrs[0] / lrs[1] for lrs in seen], 0.1)
    assert [lrs[2] for lrs in seen] == [0.0] * 4


def test_rates_that_are_all_zero_are_swept_by_their_initial_rates():
    optimizer = optimizer_of(0.0, 0.0)
    optimizer.param_groups[0]["initial_lr"], optimizer.param_groups[1]["initial_lr"] = 1.0, 0.5
    assert swept(optimizer, SweepSettings(1e-4, 1e-1, 2))[0] == [[1e-4, 5e-5], [1e-1, 5e-2]]
    assert swept(optimizer_of(0.0, 0.0), SweepSettings(1e-4, 1e-1, 2))[0] == [[1e-4, 1e-4], [1e-1, 1e-1]]


def test_rates_of_several_optimizers_are_swept_together():
    one, other = optimizer_of(1e-2), optimizer_of(1e-3)
    sweep = Sweep(SweepSettings(1e-4, 1e-1, 2), [one, other], CPU)
    sweep.begin_step()
    assert (one.param_groups[0]["lr"], other.param_groups[0]["lr"]) == (1e-4, pytest.approx(1e-5))


def test_a_rate_in_a_tensor_is_filled_in_place():
    optimizer = torch.optim.Adam(small_model().parameters(), lr=torch.tensor(1e-3), foreach=False)
    tensor = optimizer.param_groups[0]["lr"]
    seen, _ = swept(optimizer, SweepSettings(1e-4, 1e-1, 3))
    assert optimizer.param_groups[0]["lr"] is tensor
    assert np.allclose(seen, [[1e-4], [np.sqrt(1e-5)], [1e-1]])


def test_each_rate_is_held_for_some_batches_and_averaged():
    losses = np.arange(12.0)
    seen, result = swept(optimizer_of(0.1), SweepSettings(1e-4, 1e-1, 4, batches_per_lr=3), losses)
    assert [lr for (lr,) in seen] == np.repeat(sweep_lrs(1e-4, 1e-1, 4), 3).tolist()
    assert result.losses.tolist() == [1.0, 4.0, 7.0, 10.0]
    assert result.lrs.tolist() == sweep_lrs(1e-4, 1e-1, 4).tolist()


def test_a_nan_among_the_batches_of_a_rate_ends_the_sweep_at_that_step():
    losses = [1.0, 1.0, 1.0, 1.0, float("nan"), 1.0]
    seen, result = swept(optimizer_of(0.1), SweepSettings(batches_per_lr=3), losses)
    assert len(seen) == 5
    assert result.stop_reason is StopReason.NON_FINITE
    assert len(result.losses) == 2


def test_without_the_stop_a_blow_up_runs_on_but_a_nan_does_not():
    blow_up = [2.0] * 10 + [1.0] * 10 + [1e3] * 80
    assert swept(optimizer_of(0.1), SweepSettings(num_steps=100), blow_up)[1].stop_reason is StopReason.DIVERGED
    free = SweepSettings(stop_when_diverged=False)
    assert swept(optimizer_of(0.1), free, blow_up)[1].stop_reason is StopReason.COMPLETED
    blow_up[50] = float("inf")
    result = swept(optimizer_of(0.1), free, blow_up)[1]
    assert (result.stop_reason, len(result.losses)) == (StopReason.NON_FINITE, 51)


def planned_by_time(seconds_per_step, *, seconds=10.0):
    plan = TimePlan(SweepSettings(1e-4, 1e-1, seconds=seconds))
    lrs = []
    while (lr := plan.next_lr(len(lrs) * seconds_per_step)) is not None:
        lrs.append(lr)
    return lrs, plan.end_reason


def test_a_sweep_by_time_spreads_its_rates_over_the_time():
    lrs, reason = planned_by_time(0.1)
    assert (lrs[0], lrs[-1], reason) == (1e-4, 1e-1, StopReason.COMPLETED)
    assert 100 <= len(lrs) <= 103
    assert np.allclose(np.diff(np.log(lrs[1:-1])), np.diff(np.log(lrs[1:3])))


@pytest.mark.parametrize("batches_per_lr", [1, 4])
def test_a_slow_first_step_costs_a_sweep_by_time_nothing(monkeypatch, batches_per_lr):
    def num_rates(first_step_s):
        now = [100.0]
        monkeypatch.setattr(sweep_module, "perf_counter", lambda: now[0])
        settings = SweepSettings(1e-4, 1e-1, seconds=10.0, batches_per_lr=batches_per_lr)
        sweep = Sweep(settings, [optimizer_of(0.1)], CPU)
        durations = itertools.chain([first_step_s], itertools.repeat(0.1))
        while sweep.begin_step():
            now[0] += next(durations)
            sweep.end_step(torch.tensor(1.0))
        assert sweep.stop_reason is StopReason.COMPLETED
        return len(sweep.result().lrs)

    assert num_rates(60.0) == num_rates(0.1) == pytest.approx(100 / batches_per_lr, abs=3)


def test_a_time_that_is_too_short_ends_the_sweep_before_the_last_rate():
    lrs, reason = planned_by_time(1.0)
    assert reason is StopReason.OUT_OF_TIME
    assert lrs[-1] < 1e-1
    assert np.allclose(np.diff(np.log10(lrs))[1:], 3 / 19)


def test_records_arrive_in_order():
    records = []
    result = range_test(small_setup(), num_steps=12, on_step=records.append)
    assert [record.step for record in records] == list(range(len(result.losses)))
    assert [record.loss for record in records] == result.losses.tolist()
    assert [record.lr for record in records] == result.lrs.tolist()


def test_stop_keeps_what_was_measured():
    control = RunControl()
    result = range_test(small_setup(), control=control, on_step=lambda r: r.step == 6 and control.stop())
    assert (len(result.losses), result.stop_reason) == (7, StopReason.STOPPED)


def test_a_pause_polls_until_it_is_over():
    control = RunControl(poll=lambda: polls.append(1))
    polls, slept = [], []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            control.resume()

    steering = Steering(control, sleep=sleep)
    control.pause()
    assert steering.follow()
    assert len(slept) == 3
    assert len(polls) >= 4
    assert steering.paused_seconds > 0


def test_stop_ends_a_pause():
    control = RunControl()
    control.pause()
    steering = Steering(control, sleep=lambda _: control.stop())
    assert not steering.follow()


def test_a_loop_adds_commands_of_its_own_and_ignores_unknown_ones():
    heard = []
    control = RunControl()
    control.anneal()
    control.extend(2)
    assert Steering(control, {Extend: heard.append}).follow()
    assert heard == [Extend(2)]


@pytest.mark.parametrize(
    ("optimizer_type", "options", "kind"),
    [
        (torch.optim.SGD, {}, "sgd"),
        (torch.optim.SGD, {"momentum": 0.9}, "momentum"),
        (torch.optim.AdamW, {}, "adam"),
        (torch.optim.RMSprop, {}, None),
        (torch.optim.Adagrad, {}, None),
    ],
)
def test_the_result_knows_the_kind_of_optimizer_and_so_does_its_json(optimizer_type, options, kind):
    optimizer = optimizer_type([torch.nn.Parameter(torch.ones(1))], lr=1e-2, **options)
    result = swept(optimizer, SweepSettings(1e-4, 1e-1, 3))[1]
    assert result.optimizer_kind == kind
    assert RangeTestResult.from_json(result.to_json()).optimizer_kind == kind


def test_the_suggestion_knows_how_many_batches_each_rate_was_held_for():
    result = swept(optimizer_of(0.1), SweepSettings(num_steps=60, batches_per_lr=4), np.repeat(_valley(60), 4))[1]
    assert result.suggestion == suggest(result.lrs, result.losses, optimizer="sgd", batches_per_lr=4).lr
    assert result.suggestions["bottom"] == result.suggestion


def _valley(num_steps):
    return [1 + 1 / (1 + (lr / 1e-3) ** 2) + 5 * lr for lr in SweepSettings(num_steps=num_steps).range.lrs()]


def test_the_suggestion_is_made_for_the_kind_of_optimizer():
    losses = _valley(100)
    rates = {}
    for optimizer in (optimizer_of(0.1), torch.optim.Adam([torch.nn.Parameter(torch.ones(1))])):
        result = swept(optimizer, SweepSettings(num_steps=100), losses)[1]
        rates[type(optimizer).__name__] = result.suggestion
        assert result.suggestion_for(300) == result.suggestion
        assert result.suggestion_for(3000) < result.suggestion == result.suggestions["bottom"]
    assert rates["Adam"] < rates["SGD"]
