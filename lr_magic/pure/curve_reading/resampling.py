"""How far a suggestion may be off: what the noise does to it, and what no sweep can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lr_magic.pure.curve_reading.rules import bottom_of
from lr_magic.pure.curve_reading.usual_density import at_usual_density

if TYPE_CHECKING:
    from lr_magic.pure.curve_reading.curve import Curve

# Decades on either side that remain even without noise: measured against the trainings of docs/suggestion.md.
_UNAVOIDABLE = 0.3
_NUM_RESAMPLES = 24


def interval_around(lr: float, curve: Curve) -> tuple[float, float]:
    """Lowest and highest rate that may be as good as the one suggested.

    The curve is redrawn with its own noise; the scatter of the answers is added to what is left without any noise.

    Returns
    -------
    (low, high), low < lr < high.
    """
    decades = float(np.hypot(_UNAVOIDABLE, 1.3 * scatter(curve)))
    return lr * 10**-decades, lr * 10**decades


def scatter(curve: Curve) -> float:
    """Standard deviation of the bottom's log10 rate over curves redrawn with the curve's noise, in decades.

    The level's errors are drawn as a Gaussian process with the kernel of the smoothing: independent noise of the
    losses, smoothed (a parametric bootstrap; Efron and Tibshirani 1993, chapter 6.5).
    """
    if curve.noise == 0:
        return 0.0
    generator = np.random.default_rng(0)
    errors = generator.normal(0.0, curve.noise, (_NUM_RESAMPLES, curve.losses.size)) @ curve.weights.T
    return float(np.std([bottom_of(curve.grid, at_usual_density(curve, curve.level + error)) for error in errors]))
