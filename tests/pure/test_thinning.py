from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lr_magic.pure.picture.thinning import ThinnedCurve

values = st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=300)


@given(values)
def test_extremes_and_length_survive(series):
    curve = ThinnedCurve(max_buckets=8)
    for value in series:
        curve.append(value)
    finite = [value for value in series if np.isfinite(value)]
    steps, extremes = curve.at_extremes(curve.steps), curve.extremes
    assert len(curve) == len(series)
    assert len(steps) == len(extremes) <= 16
    assert np.all(np.diff(steps) >= 0)
    assert steps[0] >= 0
    if finite:
        assert np.nanmax(extremes) == max(finite)
        assert np.nanmin(extremes) == min(finite)


@given(st.integers(1, 500))
def test_means_are_means(num_steps):
    curve = ThinnedCurve(max_buckets=8)
    for step in range(num_steps):
        curve.append(float(step))
    whole = curve.means[:-1]
    assert np.allclose(whole, curve.steps[:-1])


def test_short_curve_is_kept_whole():
    curve = ThinnedCurve(max_buckets=8)
    for value in (3.0, 1.0, 2.0):
        curve.append(value)
    assert curve.means.tolist() == [3.0, 1.0, 2.0]
    assert curve.extremes.tolist() == [3.0, 1.0, 2.0]
