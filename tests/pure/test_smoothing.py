from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lr_magic.pure.curve_reading.smoothing import smooth

finite_losses = arrays(np.float64, st.integers(1, 120), elements=st.floats(-100, 100))


def noisy_sweep(num_steps: int, seed: int = 0) -> np.ndarray:
    """A curve as range tests draw it: flat, a fall, a minimum, a blow-up."""
    position = np.linspace(0, 8, num_steps)
    loss = 2.3 - 1.8 / (1 + np.exp(-4 * (position - 4.5))) + 0.1 * np.expm1(np.maximum(position - 6, 0) * 4)
    return loss + np.random.default_rng(seed).normal(0, 0.08, num_steps)


def reference_smooth(losses: np.ndarray, bandwidth: float) -> np.ndarray:
    """The same estimator, point by point, by weighted least squares."""
    index = np.arange(losses.size)
    out = np.full(losses.size, np.nan)
    for i in range(losses.size):
        weight = np.exp(-0.5 * ((index - i) / bandwidth) ** 2)
        weight[np.abs(index - i) > np.ceil(3 * bandwidth)] = 0
        root = np.sqrt(weight)
        columns = np.stack([np.ones(losses.size), index - i], 1) * root[:, None]
        out[i] = np.linalg.lstsq(columns, losses * root, rcond=None)[0][0]
    return out


@given(finite_losses)
def test_same_length_and_finite(losses):
    smoothed = smooth(losses)
    assert smoothed.shape == losses.shape
    assert np.isfinite(smoothed).all()


@given(st.floats(-1e3, 1e3), st.integers(1, 50))
def test_a_constant_stays_that_constant(level, num_steps):
    assert smooth([level] * num_steps) == pytest.approx([level] * num_steps, rel=1e-12, abs=1e-9)


@given(st.floats(-5, 5), st.floats(-10, 10), st.integers(2, 200))
def test_a_straight_line_stays_that_line_up_to_both_ends(slope, level, num_steps):
    line = level + slope * np.arange(num_steps)
    assert np.allclose(smooth(line), line, rtol=1e-9, atol=1e-8)


@settings(max_examples=50)
@given(st.integers(1, 200), st.integers(0, 1000), st.floats(0.01, 100), st.floats(-100, 100))
def test_scale_and_shift_carry_through(num_steps, seed, scale, shift):
    losses = noisy_sweep(num_steps, seed)
    moved = (smooth(losses * scale + shift) - shift) / scale
    assert np.allclose(moved, smooth(losses), rtol=1e-6, atol=1e-6)


def test_agrees_with_least_squares_at_each_point():
    losses = noisy_sweep(100)[:85]
    assert np.allclose(smooth(losses), reference_smooth(losses, 0.25 * np.sqrt(85)), atol=1e-10)


def test_no_lag():
    """The smoothed valley of a symmetric curve is where the valley is; an exponential average puts it to the right."""
    losses = ((np.arange(101) - 50) / 10.0) ** 2
    assert int(np.argmin(smooth(losses))) == 50


def test_non_finite_losses_stay_out():
    losses = noisy_sweep(100)
    holed = losses.copy()
    holed[[10, 40, 99]] = [np.nan, np.inf, -np.inf]
    smoothed = smooth(holed)
    assert np.isnan(smoothed[[10, 40, 99]]).all()
    known = np.isfinite(holed)
    assert np.allclose(smoothed[known][:80], smooth(losses)[known][:80], atol=0.08)


@pytest.mark.parametrize("losses", [[], [float("nan")], [float("inf"), float("nan")]])
def test_nothing_finite_gives_nan(losses):
    assert np.isnan(smooth(losses)).all()
    assert smooth(losses).shape == (len(losses),)


def test_one_point_is_itself():
    assert smooth([3.5]).tolist() == [3.5]


def test_a_blow_up_does_not_leak_to_the_left():
    losses = noisy_sweep(100)[:80]
    blown_up = np.append(losses, [1e3, 1e6, 1e12])
    assert np.abs(smooth(blown_up)[:74] - smooth(losses)[:74]).max() < 0.06  # the fall is 1.8
    assert smooth(blown_up)[-1] > 1e5


def test_noise_is_reduced():
    noise = np.random.default_rng(0).normal(0, 1, 400)
    assert smooth(noise)[10:-10].std() < 0.4


def test_a_point_more_hardly_moves_what_is_drawn():
    """While a plot grows, the points left of the kernel's reach stay where they are."""
    losses = noisy_sweep(200)[:150]
    for num_seen in range(40, losses.size):
        before, after = smooth(losses[:num_seen]), smooth(losses[: num_seen + 1])[:-1]
        settled = num_seen - 15
        assert np.abs(after - before)[:settled].max() < 0.02  # a quarter of the noise


@pytest.mark.parametrize(("num_steps", "limit_s"), [(100, 0.3e-3), (1000, 3e-3)])
def test_fast_enough_for_every_redraw(num_steps, limit_s):
    losses = noisy_sweep(num_steps)

    def seconds() -> float:
        start = time.perf_counter()
        smooth(losses)
        return time.perf_counter() - start

    # The smallest of many: on a shared machine only that one is free of the others' work.
    assert min(seconds() for _ in range(50)) < limit_s
