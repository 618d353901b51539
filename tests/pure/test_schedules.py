from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lr_magic.pure.errors import SettingError
from lr_magic.pure.schedules import OneCycle, sweep_lrs


@pytest.mark.parametrize("linear", [False, True])
@given(start=st.floats(1e-12, 1.0), factor=st.floats(1.001, 1e12), num_steps=st.integers(1, 500))
def test_a_sweep_reaches_both_ends_exactly_and_rises(linear, start, factor, num_steps):
    lrs = sweep_lrs(start, start * factor, num_steps, linear=linear)
    assert lrs[0] == start
    assert len(lrs) == num_steps
    assert num_steps == 1 or lrs[-1] == start * factor
    assert np.all(np.diff(lrs) >= 0)


def test_a_geometric_sweep_has_equal_ratios_and_a_linear_one_equal_differences():
    assert np.allclose(np.diff(np.log(sweep_lrs(1e-7, 10, 100))), math.log(1e8) / 99)
    assert np.allclose(np.diff(sweep_lrs(0.1, 1.0, 10, linear=True)), 0.1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1e-3, 1e-4, 10), "larger than start_lr; got start_lr=0.001 and end_lr=0.0001"),
        ((0.0, 1.0, 10), "start_lr must be a finite number above 0"),
        ((math.nan, 1.0, 10), "start_lr"),
        ((1e-3, math.inf, 10), "end_lr"),
        ((1e-3, 1.0, 0), "num_steps must be at least 1"),
    ],
)
def test_rates_out_of_range_are_refused(arguments, words):
    with pytest.raises(SettingError, match=words):
        sweep_lrs(*arguments)


def torch_values(max_lr, total_steps, optimizer=None, **settings):
    """Rates and momenta of torch's own schedule."""
    optimizer = optimizer or torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr, total_steps=total_steps, **settings)
    values = []
    for step in range(total_steps):
        values.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
        optimizer.step()
        if step < total_steps - 1:
            schedule.step()
    return values


@settings(max_examples=60, deadline=None)
@given(
    max_lr=st.floats(1e-6, 10.0),
    total_steps=st.integers(2, 120),
    pct_start=st.floats(0.0, 1.0),
    div_factor=st.floats(1.0, 1e3),
    final_div_factor=st.floats(1.0, 1e5),
    strategy=st.sampled_from([("cosine", "cos"), ("linear", "linear")]),
)
def test_one_cycle_equals_torchs_to_the_last_digit(  # noqa: PLR0917
    max_lr, total_steps, pct_start, div_factor, final_div_factor, strategy
):
    options = {"pct_start": pct_start, "div_factor": div_factor, "final_div_factor": final_div_factor}
    try:
        expected = torch_values(max_lr, total_steps, anneal_strategy=strategy[1], **options)
    except ZeroDivisionError:
        return  # torch has no value there
    cycle = OneCycle(max_lr, total_steps, annealing=strategy[0], **options)
    assert [(cycle.lr_at(step), cycle.momentum_at(step)) for step in range(total_steps)] == expected


@pytest.mark.parametrize("total_steps", [1, 2, 3, 4, 10, 100])
@pytest.mark.parametrize("pct_start", [0.0, 0.01, 0.1, 0.25, 0.5, 1.0])
def test_any_length_and_share_has_finite_rates_up_to_the_peak(total_steps, pct_start):
    cycle = OneCycle(1.0, total_steps, pct_start)
    lrs = [cycle.lr_at(step) for step in range(total_steps)]
    assert all(0 < lr <= 1.0 for lr in lrs)
    assert all(0.85 <= cycle.momentum_at(step) <= 0.95 for step in range(total_steps))
    assert total_steps < 4 or lrs[-1] < 1.0 or pct_start == 1.0


def test_a_single_step_runs_at_the_peak():
    assert OneCycle(0.5, 1).lr_at(0) == 0.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"max_lr": 0.0}, "max_lr"),
        ({"max_lr": math.inf}, "max_lr"),
        ({"total_steps": 0}, "total_steps"),
        ({"pct_start": 1.5}, "pct_start"),
        ({"div_factor": 0.0}, "div_factor"),
        ({"final_div_factor": -1.0}, "final_div_factor"),
        ({"base_momentum": 1.0}, "base_momentum"),
        ({"max_momentum": -0.1}, "max_momentum"),
        ({"annealing": "step"}, "annealing must be one of cosine, linear; got 'step'"),
    ],
)
def test_settings_out_of_range_are_refused(changes, words):
    with pytest.raises(SettingError, match=words):
        OneCycle(**{"max_lr": 0.1, "total_steps": 10, **changes})


def test_a_step_outside_the_cycle_is_refused():
    with pytest.raises(SettingError, match="between 0 and 9; got 10"):
        OneCycle(0.1, 10).lr_at(10)
