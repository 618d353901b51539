"""A curve as a sweep of the usual number of steps would have drawn it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lr_magic.pure.curve_reading.curve import Curve

_USUAL_DENSITY = 12.5  # steps per decade: a hundred steps over eight decades
# A sweep of k times the density has learned as much at a rate lower by k to this power (docs/suggestion.md).
_LEARNING = 0.85


def at_usual_density(curve: Curve, level: np.ndarray) -> np.ndarray:
    """Redraw a curve's level, or one resampled from its noise, for twelve and a half steps per decade.

    A sweep falls when it has made enough steps, so a denser one falls at lower rates; it blows up where a rate is too
    high for any step, which does not depend on how many were made. So the fall is moved, and the rise stays.

    Parameters
    ----------
    curve
        Where the grid and the density come from.
    level
        (g,) loss on the grid of `curve`.

    Returns
    -------
    (g,) float64.
    """
    lowest = int(np.argmin(level))
    fall = np.minimum(level, np.where(np.arange(level.size) < lowest, np.inf, level[lowest]))
    decades = _LEARNING * np.log10(curve.points_per_decade * curve.batches_per_lr / _USUAL_DENSITY)
    redrawn: np.ndarray = np.interp(curve.grid - decades, curve.grid, fall) + (level - fall)
    return redrawn
