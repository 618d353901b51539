"""A smooth curve through noisy losses: centred, so that it does not lag, and straight to both ends."""

from __future__ import annotations

import math
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
    if not is_finite.any():
        return np.full(values.shape, np.nan)
    scale = float(np.abs(values[is_finite]).max()) or 1.0
    centre, limit = _blow_up_limit(values[is_finite] / scale)
    compressed = _compress(np.where(is_finite, values / scale, centre), centre, limit)
    smoothed = _expand(_local_lines(compressed, is_finite), centre, limit) * scale
    return np.where(is_finite, smoothed, np.nan)


def _local_lines(values: np.ndarray, is_known: np.ndarray) -> np.ndarray:
    """Value at each point of the weighted least-squares line through its neighbourhood."""
    bandwidth = max(1.0, _BANDWIDTH * math.sqrt(values.size))
    reach = math.ceil(_KERNEL_REACH * bandwidth)
    offsets = np.arange(-reach, reach + 1.0)
    kernel = np.exp(-0.5 * (offsets / bandwidth) ** 2)
    weights = is_known.astype(np.float64)
    # Differences to the mean keep the digits of losses that vary little around a large value.
    mean = float(values[is_known].mean())
    weighted = (values - mean) * weights
    # np.convolve turns the kernel round, hence the minus of the odd moments.
    s0, s1, s2 = (_windowed(weights, kernel * power) for power in (1.0, -offsets, offsets**2))
    t0, t1 = (_windowed(weighted, kernel * power) for power in (1.0, -offsets))
    determinant = s0 * s2 - s1**2
    has_line = determinant > 1e-12 * (s0 * s2 + 1e-300)
    line = np.divide(s2 * t0 - s1 * t1, determinant, out=np.zeros_like(values), where=has_line)
    level = np.divide(t0, s0, out=np.zeros_like(values), where=s0 > 0)
    smoothed: np.ndarray = mean + np.where(has_line, line, level)
    return smoothed


def _windowed(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    reach = kernel.size // 2
    sums: np.ndarray = np.convolve(values, kernel)[reach : reach + values.size]
    return sums


def _blow_up_limit(values: np.ndarray) -> tuple[float, float]:
    """Middle of the losses, and the height above it where a loss counts as blown up (inf if they do not vary)."""
    ordered = np.sort(values)
    centre = float(ordered[ordered.size // 2])
    spread = centre - float(ordered[ordered.size // 20])
    # Below the digits of the numbers themselves a spread is no spread.
    return centre, _BLOW_UP_SPREADS * spread if spread > 1e-12 else math.inf


def _compress(values: np.ndarray, centre: float, limit: float) -> np.ndarray:
    if not math.isfinite(limit):
        return values
    excess = np.maximum(values - centre - limit, 0.0) / limit
    compressed: np.ndarray = np.minimum(values, centre + limit) + limit * np.log1p(np.log1p(excess))
    return compressed


def _expand(values: np.ndarray, centre: float, limit: float) -> np.ndarray:
    if not math.isfinite(limit):
        return values
    excess = np.clip((values - centre - limit) / limit, 0.0, _LARGEST_DOUBLE_LOG)
    expanded: np.ndarray = np.minimum(values, centre + limit) + limit * np.expm1(np.expm1(excess))
    return expanded
