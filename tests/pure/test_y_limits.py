from __future__ import annotations

import numpy as np

from lr_magic.pure.curve_reading.divergence import DivergenceRule
from lr_magic.pure.curve_reading.smoothing import smooth
from lr_magic.pure.picture.y_limits import SettlingLimits, y_limits


def test_the_blow_up_does_not_squash_the_fall():
    low, high = y_limits(np.array([2.0, 1.5, 1.0, 1e6]))
    assert low < 1.0
    assert 2.0 < high < 3.0


def test_negative_constant_and_empty_curves_have_limits():
    for losses in ([-3.0, -5.0, -1.0], [0.0, 0.0], [7.0], [], [np.nan], [np.inf, 1.0]):
        low, high = y_limits(np.array(losses))
        assert np.isfinite([low, high]).all()
        assert low < high


def test_limits_settle_on_a_falling_curve():
    limits = SettlingLimits()
    curve = np.linspace(5.0, 0.1, 200)
    moves = [limits.update(curve[:n]) for n in range(1, 201)]
    assert sum(move is not None for move in moves) < 15
    last = [move for move in moves if move][-1]
    assert last[0] <= 0.1
    assert last[1] >= 5.0


def falling(num_steps, floor=0.3):
    """Losses of a sweep as it comes down."""
    return 2.3 - (2.3 - floor) * np.linspace(0.0, 1.0, 100)[:num_steps] ** 2


def test_the_threshold_of_a_falling_sweep_is_always_in_sight():
    limits, rule, shown, num_moves = SettlingLimits(), DivergenceRule(), None, 0
    for num_steps in range(1, 101):
        losses = falling(num_steps)
        rule.update(losses[-1])
        moved = limits.update(losses, threshold=rule.threshold)
        num_moves += moved is not None
        shown = moved or shown
        if rule.threshold is not None:
            assert shown[0] <= losses[-1] < rule.threshold <= shown[1]
    assert num_moves <= 8


def test_a_threshold_far_above_does_not_flatten_the_curve():
    assert SettlingLimits().update(falling(100), threshold=80.0)[1] < 5.0


def test_a_flat_start_looks_flat():
    losses = 2.3 + 0.01 * np.sin(np.arange(20))
    low, high = SettlingLimits().update(losses, threshold=2.65)
    assert high - low > 0.3
    assert high >= 2.65


def test_a_trained_model_shows_its_noise_and_the_beginning_of_its_rise():
    losses = 1e-4 * (1 + 0.5 * np.random.default_rng(0).normal(size=60))
    losses[45:] *= np.exp(np.arange(15))
    smoothed = smooth(losses)
    low, high = y_limits(smoothed, losses)
    flat = losses[:40]
    assert np.mean((low <= flat) & (flat <= high)) > 0.7
    assert high < 1e-3


def test_noise_does_not_squash_a_fall_and_a_blow_up_is_no_noise():
    losses = falling(100) + 0.05 * np.random.default_rng(0).normal(size=100)
    assert y_limits(smooth(losses), losses) == y_limits(smooth(losses))
    losses[60:] = np.exp(np.arange(40) + np.random.default_rng(1).normal(size=40))
    assert y_limits(smooth(losses), losses)[1] < 10
