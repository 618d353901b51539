from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lr_magic.pure.curve_reading.divergence import DivergenceRule
from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.stop_reason import StopReason


def ended(losses, factor=4.0):
    """Index and reason of the end; None if there is none."""
    rule = DivergenceRule(factor)
    for index, loss in enumerate(losses):
        reason = rule.update(float(loss))
        if reason is not None:
            return index, reason
    return None


def blown_up(level=2.3, fall=1.5, num_steps=100, noise=0.05, seed=0):
    """A flat part, a fall, and a blow-up that passes the start level at step 85 of 100."""
    at = np.linspace(0, 1, num_steps)
    curve = level - fall * np.clip((at - 0.4) / 0.3, 0, 1) + fall * np.where(at > 0.8, np.expm1((at - 0.8) * 14), 0)
    return curve + noise * np.random.default_rng(seed).normal(size=num_steps)


@pytest.mark.parametrize("seed", range(20))
def test_a_blow_up_is_noticed_within_a_few_steps(seed):
    index, reason = ended(blown_up(seed=seed))
    assert reason is StopReason.DIVERGED
    assert 85 <= index <= 91


@pytest.mark.parametrize("num_steps", [1_000, 10_000])
def test_in_a_long_sweep_it_is_noticed_at_the_same_rate(num_steps):
    index, _ = ended(blown_up(num_steps=num_steps))
    assert 0.84 < index / num_steps < 0.91


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_ends_the_sweep_at_that_step(bad):
    assert ended([2.0, 2.0, bad]) == (2, StopReason.NON_FINITE)


noise = np.random.default_rng(0)
CALM = {
    "constant": np.full(100, 2.3026),
    "constant but for rounding": 2.3026 + 1e-7 * noise.normal(size=100),
    "zero": np.zeros(100),
    "negative and falling": -3 - np.linspace(0, 2, 100) + 0.1 * noise.normal(size=100),
    "crossing zero": np.linspace(1, -1, 100) + 0.05 * noise.normal(size=100),
    "huge": 1e12 + 1e10 * noise.normal(size=100),
    "already trained": 1e-4 * np.exp(noise.normal(size=100)),
    "noise around zero": noise.normal(size=100),
    "falling steeply": np.geomspace(1e3, 1e-6, 100),
}


@pytest.mark.parametrize("losses", CALM.values(), ids=CALM.keys())
def test_calm_losses_never_end_a_sweep(losses):
    assert ended(losses) is None


@pytest.mark.parametrize("losses", CALM.values(), ids=CALM.keys())
@pytest.mark.parametrize("at", [5, 30, 70, 98])
@pytest.mark.parametrize("num_bad", [1, 2])
def test_one_or_two_bad_batches_never_end_a_sweep(losses, at, num_bad):
    spiked = losses.copy()
    spiked[at : at + num_bad] += 1e3 * (np.ptp(losses) + abs(losses[0]))
    assert ended(spiked) is None


def test_a_start_that_is_too_high_is_noticed():
    index, reason = ended(2.3 * np.geomspace(1, 1e6, 30))
    assert reason is StopReason.DIVERGED
    assert index <= 12


def test_already_trained_models_with_hard_batches_rarely_end_a_sweep():
    generator = np.random.default_rng(1)
    hard = [1e-3 * generator.chisquare(1, 100) * np.where(generator.random(100) < 0.05, 100, 1) for _ in range(200)]
    assert sum(ended(losses) is not None for losses in hard) <= 20


@given(st.integers(-6, 6), st.floats(-1e3, 1e3), st.integers(0, 100))
def test_scale_and_shift_change_nothing_where_the_loss_falls(power, shift, seed):
    losses = blown_up(seed=seed)
    # Up to a shift of ten times the fall; beyond that the fall is small beside the loss itself.
    moved = (losses + shift / 1e3 * 10) * 2.0**power
    assert ended(moved) == ended(losses)


def test_a_larger_factor_ends_later():
    assert ended(blown_up(), 4.0)[0] < ended(blown_up(), 20.0)[0]


def test_the_threshold_is_known_once_the_start_is():
    rule = DivergenceRule()
    for _ in range(4):
        rule.update(2.0)
        assert rule.threshold is None
    rule.update(2.0)
    assert rule.threshold == pytest.approx(2.3)


@pytest.mark.parametrize("factor", [1.0, 0.0, -4.0, math.nan])
def test_a_factor_that_says_nothing_is_refused(factor):
    with pytest.raises(SettingError, match="above 1"):
        DivergenceRule(factor)
