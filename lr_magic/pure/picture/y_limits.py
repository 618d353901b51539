"""Limits of a loss axis: the fall fills it, the blow-up leaves through the top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.pure.results.range_test_result import RangeTestResult

# As long as a sweep has moved the loss by less than this part of it, it is flat and looks flat.
_LEAST_SPAN = 0.1
# A threshold is too far above to be shown from here on, in heights of the curve.
_FARTHEST = 2.5
# Room for the raw losses: for normal noise, five in six of them are within so many medians of its size.
_SCATTERS = 2.0
# That room at most, in heights of the curve or of the loss, should a sweep have blown up from its start on.
_MOST_ROOM = 4.0


def y_limits(
    smoothed_losses: np.ndarray, losses: np.ndarray | None = None, *, below: float = 0.1, above: float = 0.3
) -> tuple[float, float]:
    """Limits that show the fall of the loss, or its noise where it does not fall, not the height of its blow-up.

    Parameters
    ----------
    smoothed_losses
        (n,) float64; values that are not finite are left out.
    losses
        (n,) float64, the raw ones, where they are drawn too: most of them are to be seen.
    below, above
        Spare room under the lowest loss and over the highest one before it, as parts of the fall. Losses that are
        never negative get no axis below 0.

    Returns
    -------
    (low, high), low < high.

    Examples
    --------
    >>> y_limits(np.array([2.0, 1.0, 500.0]))
    (0.9, 2.3)
    """
    finite = smoothed_losses[np.isfinite(smoothed_losses)]
    if not len(finite):
        return 0.0, 1.0
    lowest = int(np.argmin(finite))
    low, high = float(finite[lowest]), float(finite[: lowest + 1].max())
    fall = high - low or abs(high) * 0.1 or 1.0
    floor = 0.0 if low >= 0 else -np.inf
    noise = 0.0 if losses is None else _SCATTERS * _scatter(losses - smoothed_losses)
    room = min(noise, _MOST_ROOM * max(fall, abs(high)))
    return max(low - max(below * fall, room), floor), high + max(above * fall, room)


def _scatter(residuals: np.ndarray) -> float:
    """Median size of the residuals; of the first half, since a blow-up is no noise. 0 where there is none."""
    early = residuals[: (len(residuals) + 1) // 2]
    sizes = np.sort(np.abs(early[np.isfinite(early)]))
    return float(sizes[len(sizes) // 2]) if len(sizes) else 0.0


def loss_limits(results: Sequence[RangeTestResult]) -> tuple[float, float]:
    """Limits of a loss axis that show the fall of each sweep; one without losses does not count."""
    limits = [y_limits(each.smoothed_losses, each.losses) for each in results if len(each.losses)]
    return (min(low for low, _ in limits), max(high for _, high in limits)) if limits else (0.0, 1.0)


class SettlingLimits:
    """Axis limits that move seldom: only when the data leave them or fill little of them.

    An axis that jumps with every redraw cannot be read.
    """

    def __init__(self) -> None:
        self._shown: tuple[float, float] | None = None

    def update(
        self, smoothed_losses: np.ndarray, losses: np.ndarray | None = None, threshold: float | None = None
    ) -> tuple[float, float] | None:
        """Take the losses seen so far, (n,) float64 each; the new limits if they have to move, else None.

        The limits reach up to `threshold`, unless it lies so far above that the curve would be flat below it.
        """
        low, high = y_limits(smoothed_losses, losses)
        high = max(high, low + _LEAST_SPAN * abs(low))
        if threshold is not None and threshold - low <= _FARTHEST * (high - low):
            high = max(high, threshold)
        if self._shown is not None and _fits((low, high), self._shown):
            return None
        # the loss of a sweep falls, and its threshold rises by half as much
        span, floor = high - low, 0.0 if low >= 0 else -np.inf
        self._shown = max(low - 0.4 * span, floor), high + 0.2 * span
        return self._shown


def _fits(wanted: tuple[float, float], shown: tuple[float, float]) -> bool:
    low, high = wanted
    is_inside = shown[0] <= low and high <= shown[1]
    return is_inside and high - low > 0.25 * (shown[1] - shown[0])
