"""Rules that read a learning rate off a range-test curve, one small function each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lr_magic.pure.curve import Curve


def steepest(curve: Curve) -> float:
    """Rate where the smoothed loss falls most per decade of the rate, up to its lowest point."""
    return float(10**curve.steepest_at)


def minimum(curve: Curve) -> float:
    """Return a tenth of the rate with the lowest smoothed loss."""
    return curve.lr_at(curve.lowest) / 10


def valley(curve: Curve) -> float:
    """Middle of the longest descent of the smoothed loss, as fastai's rule of that name defines it."""
    return curve.lr_at(valley_index(curve.level))


def valley_index(losses: np.ndarray) -> int:
    """Index of the valley of smoothed losses: the middle of the longest decreasing subsequence.

    The subsequence is taken to be contiguous: it starts as many points before its end as it has members, and the answer
    lies at 1/3 + 1/6 of it, both truncated to whole points (fastai 2.8, ``callback/schedule.py``, as published).

    Parameters
    ----------
    losses
        (n,) smoothed losses, n >= 1.

    Examples
    --------
    >>> valley_index(np.array([9.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 8.0]))
    3
    """
    lengths = np.ones(losses.size, dtype=np.int64)
    for i in range(1, losses.size):
        is_above = losses[:i] > losses[i]
        if is_above.any():
            lengths[i] = 1 + lengths[:i][is_above].max()
    end = int(np.argmax(lengths))
    descent = int(lengths[end])
    # The start can lie one before the first point, as in the original: then the first point is meant.
    return max(0, end - descent + int(descent / 3) + int(descent / 6))


def robust_minimum(curve: Curve) -> float:
    """Return a fifth of the middle of all rates that are as low as the lowest, given the noise."""
    lowest = float(curve.level[curve.lowest])
    margin = max(float(curve.level_noise[curve.lowest]), 0.02 * curve.fall)
    low = curve.grid[curve.level <= lowest + margin]
    return float(10 ** np.median(low)) / 5
