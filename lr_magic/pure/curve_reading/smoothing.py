"""A smooth curve through noisy losses: centred, so that it does not lag, and straight to both ends."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

# Standard deviation of the kernel in points, per square root of the number of points: about 9 points are averaged of
# 100, and 28 of 1,000. A share of the points would flatten short sweeps, a fixed number would leave long ones ragged.
_BANDWIDTH = 0.25
_KERNEL_REACH = 3.0
# Where a loss stands this many times the usual spread above the middle, it has blown up; it must not pull up its
# neighbours on the left, so from there on it counts by the logarithm of its logarithm.
_BLOW_UP_SPREADS = 6.0
_LARGEST_DOUBLE_LOG = 6.5  # exp(exp(6.5)) is about 1e289
_TINY = 1e-300  # instead of a division by zero


def smooth(losses: Sequence[float] | np.ndarray) -> np.ndarray:
    """Smooth the raw losses of a run, without lag.

    A local straight line at each point, weighted by a Gaussian kernel over the index (the logarithm of the rate in a
    geometric sweep): exact for a straight line up to both ends, defined from one point on. NaN and infinity are left
    out, and stay NaN in the result. The result follows the scale and the shift of the losses.

    Parameters
    ----------
    losses
        (n,) raw losses, in the order of the steps.

    Returns
    -------
    (n,) float64 array; NaN where the loss is not finite.

    References
    ----------
    Fan and Gijbels 1996, "Local Polynomial Modelling and Its Applications", eq. 2.3-2.4 (the local linear estimator).

    Examples
    --------
    >>> smooth([1.0, 2.0, float("nan"), 4.0]).round(6).tolist()
    [1.0, 2.0, nan, 4.0]
    """
    values = np.asarray(losses, dtype=np.float64).ravel()
    is_finite = np.isfinite(values)
    known = values[is_finite]
    if not known.size:
        return np.full(values.shape, np.nan)
    scale = float(np.abs(known).max()) or 1.0
    centre, limit = _blow_up_limit(known / scale)
    compressed = _compress(np.where(is_finite, values / scale, centre), centre, limit)
    smoothed = _expand(_local_lines(compressed, is_finite), centre, limit) * scale
    return np.where(is_finite, smoothed, np.nan)


def _local_lines(values: np.ndarray, is_known: np.ndarray) -> np.ndarray:
    """Value at each point of the weighted least-squares line through its neighbourhood."""
    kernel, first, second = _kernel_moments(values.size)
    weights = is_known.astype(np.float64)
    # Differences to the mean keep the digits of losses that vary little around a large value.
    mean = float(values[is_known].mean())
    weighted = (values - mean) * weights
    s0, s1, s2 = (_windowed(weights, moment) for moment in (kernel, first, second))
    t0, t1 = (_windowed(weighted, moment) for moment in (kernel, first))
    product = s0 * s2
    determinant = product - s1**2
    has_line = determinant > 1e-12 * product + _TINY
    # A point that is alone in its neighbourhood has a level but no slope; one without any has neither.
    above = np.where(has_line, s2 * t0 - s1 * t1, t0)
    below = np.where(has_line, determinant, np.maximum(s0, _TINY))
    smoothed: np.ndarray = mean + above / below
    return smoothed


@lru_cache(maxsize=16)
def _kernel_moments(num_points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The kernel, and the kernel times the first and second power of the offset."""
    bandwidth = max(1.0, _BANDWIDTH * math.sqrt(num_points))
    reach = math.ceil(_KERNEL_REACH * bandwidth)
    offsets = np.arange(-reach, reach + 1.0)
    kernel = np.exp(-0.5 * (offsets / bandwidth) ** 2)
    return kernel, kernel * offsets, kernel * offsets**2


def _windowed(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    reach = kernel.size // 2
    sums: np.ndarray = np.correlate(values, kernel, "full")[reach : reach + values.size]
    return sums


def _blow_up_limit(values: np.ndarray) -> tuple[float, float]:
    """Middle of the losses, and the height above it where a loss counts as blown up (inf if they do not vary)."""
    ordered = np.sort(values)
    centre = float(ordered[ordered.size // 2])
    spread = centre - float(ordered[ordered.size // 20])
    # Below the digits of the numbers themselves a spread is no spread.
    return centre, _BLOW_UP_SPREADS * spread if spread > 1e-12 else math.inf


def _compress(values: np.ndarray, centre: float, limit: float) -> np.ndarray:
    if values.max() <= centre + limit:
        return values
    excess = np.maximum(values - centre - limit, 0.0) / limit
    compressed: np.ndarray = np.minimum(values, centre + limit) + limit * np.log1p(np.log1p(excess))
    return compressed


def _expand(values: np.ndarray, centre: float, limit: float) -> np.ndarray:
    if values.max() <= centre + limit:
        return values
    excess = np.clip((values - centre - limit) / limit, 0.0, _LARGEST_DOUBLE_LOG)
    expanded: np.ndarray = np.minimum(values, centre + limit) + limit * np.expm1(np.expm1(excess))
    return expanded
