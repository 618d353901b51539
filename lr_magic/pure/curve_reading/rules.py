"""Rules that read a learning rate off a range-test curve, one small function each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lr_magic.pure.curve_reading.optimizer_kind import LENGTH_EXPONENTS, OptimizerKind
from lr_magic.pure.curve_reading.usual_density import at_usual_density
from lr_magic.pure.curve_reading.usual_lr import towards_usual

if TYPE_CHECKING:
    from lr_magic.pure.curve_reading.curve import Curve


USUAL_STEPS = 300
_LENGTHS_KNOWN = (30, 10_000)  # beyond these the measured dependence is not trusted any further
# Decades from the bottom of the curve to the peak of a training of 300 steps, as far as the curve goes; fitted to
# trainings of many small tasks (docs/suggestion.md).
_FROM_BOTTOM: dict[OptimizerKind | None, float] = {
    OptimizerKind.SGD: 0.2,
    OptimizerKind.MOMENTUM: -0.2,
    OptimizerKind.ADAM: -0.3,
    None: -0.2,
}
_NEARLY_LOWEST = 0.1  # as a share of the fall


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


def bottom(curve: Curve, training_steps: int | None = None, optimizer: OptimizerKind | None = None) -> float:
    """Rate near the bottom of the curve, moved towards the optimizer's usual one and by the training's length.

    A one-cycle training anneals, so it bears rates close to those where a sweep is lowest; the longer it is, the less
    it needs them. Momentum and Adam's averages carry a sweep on for some steps after a rate has become too high.

    Parameters
    ----------
    curve
        A curve that falls.
    training_steps
        Length of the training in optimizer steps; None counts as 300.
    optimizer
        Kind of optimizer; None where it is another one or not known.
    """
    num_steps = float(np.clip(training_steps or USUAL_STEPS, *_LENGTHS_KNOWN))
    at = bottom_of(curve.grid, at_usual_density(curve, curve.level)) + _FROM_BOTTOM[optimizer]
    return float(10 ** towards_usual(at, optimizer) * (num_steps / USUAL_STEPS) ** LENGTH_EXPONENTS[optimizer])


def bottom_of(grid: np.ndarray, level: np.ndarray) -> float:
    """Log10 of the rate at the bottom of a curve, in two ways averaged.

    Where the last fifth of the fall is done; and the middle of all rates, weighted by how near they come to the lowest
    level, but not more than half a decade after nine tenths of the fall: a wide floor is reached long before its end.

    Parameters
    ----------
    grid, level
        (g,) each: log10 rates, evenly spaced, and the smoothed loss there.
    """
    lowest = int(np.argmin(level))
    start = float(level[: max(1, (lowest + 1) // 5)].mean())
    fall = max(start - float(level[lowest]), 1e-12 * abs(start))
    share_done = (start - np.minimum.accumulate(level[: lowest + 1])) / fall
    last_fifth = grid[np.searchsorted(share_done, np.linspace(0.8, 1.0, 11) - 1e-9)]
    weights = np.exp((level[lowest] - level) / (_NEARLY_LOWEST * fall))
    middle = float(weights @ grid / weights.sum())
    latest = float(grid[np.searchsorted(share_done, 0.9)]) + 0.5
    return 0.5 * (float(last_fifth.mean()) + min(middle, latest))
