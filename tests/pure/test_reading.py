from __future__ import annotations

import numpy as np
import pytest

from lr_magic.pure.reading import Situation, read_curve
from lr_magic.pure.suggestion import Suggestion


def test_a_clean_fall():
    lrs = np.geomspace(1e-7, 10, 100)
    losses = 2.3 - 1.8 / (1 + (1e-3 / lrs) ** 1.5) + 0.05 * np.expm1(np.minimum(lrs / 0.15, 30))
    reading = read_curve(lrs, losses, suggestion=Suggestion("robust", 0.02, None))
    assert reading.situation is Situation.FALLS_CLEANLY
    assert 2 <= len(reading.sentences) <= 5
    assert "0.02" in str(reading)


def test_flat():
    losses = np.random.default_rng(0).normal(2.3, 0.1, 100)
    assert read_curve(np.geomspace(1e-7, 10, 100), losses).situation is Situation.FLAT


@pytest.mark.parametrize("num_points", [0, 3])
def test_hardly_any_points(num_points):
    reading = read_curve([1e-3] * num_points, [1.0] * num_points)
    assert reading.situation is Situation.TOO_SHORT
