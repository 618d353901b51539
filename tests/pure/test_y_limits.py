from __future__ import annotations

import numpy as np

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
