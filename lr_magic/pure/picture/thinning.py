"""A curve of any length in a bounded number of points, spikes kept."""

from __future__ import annotations

import math
from array import array
from operator import add

import numpy as np


class ThinnedCurve:
    """Takes one value per step and keeps at most `max_buckets` buckets of neighbouring steps.

    Each bucket holds the lowest, the highest and the mean of its finite values. When the buckets run out, neighbours
    are merged and every bucket becomes twice as wide: a step costs the same, about a microsecond, however long the run
    is.

    Parameters
    ----------
    max_buckets
        Largest number of buckets, an even number >= 2.

    Examples
    --------
    >>> curve = ThinnedCurve(max_buckets=2)
    >>> for value in (1.0, 5.0, 2.0, 3.0):
    ...     curve.append(value)
    >>> curve.means.tolist(), curve.extremes.tolist()
    ([3.0, 2.5], [1.0, 5.0, 2.0, 3.0])
    """

    def __init__(self, max_buckets: int = 400) -> None:
        self._max_buckets = max_buckets
        self._width = 1
        self._num_steps = 0
        self._lows, self._highs = array("d"), array("d")
        self._sums, self._counts = array("d"), array("d")

    def __len__(self) -> int:
        return self._num_steps

    def append(self, value: float) -> None:
        """Take the value of the next step; NaN and infinite values leave a gap."""
        if self._num_steps % self._width == 0:
            self._open_bucket()
        self._num_steps += 1
        if not math.isfinite(value):
            return
        self._lows[-1] = min(self._lows[-1], value)
        self._highs[-1] = max(self._highs[-1], value)
        self._sums[-1] += value
        self._counts[-1] += 1.0

    @property
    def steps(self) -> np.ndarray:
        """(n,) float64: the middle step of each bucket."""
        return (np.arange(len(self._counts)) + 0.5) * self._width - 0.5

    @property
    def means(self) -> np.ndarray:
        """(n,) float64: the mean of each bucket; NaN where it has no finite value."""
        counts = np.array(self._counts)
        means = np.full(len(counts), np.nan)
        np.divide(np.array(self._sums), counts, out=means, where=counts > 0.0)
        return means

    @property
    def extremes(self) -> np.ndarray:
        """(m,) float64: the lowest and highest value of each bucket in turn, or one for both where it is a single step.

        NaN where a bucket has no finite value. See `at_extremes`.
        """
        if self._width == 1:
            return self.means
        extremes = np.column_stack((self._lows, self._highs))
        extremes[np.array(self._counts) == 0.0] = np.nan
        return extremes.ravel()

    def at_extremes(self, values: np.ndarray) -> np.ndarray:
        """Values of the buckets, (n,), set out to stand beside the `extremes`, (m,)."""
        return np.repeat(values, 1 if self._width == 1 else 2)

    def _open_bucket(self) -> None:
        if len(self._counts) == self._max_buckets:
            self._merge_neighbours()
        self._lows.append(math.inf)
        self._highs.append(-math.inf)
        self._sums.append(0.0)
        self._counts.append(0.0)

    def _merge_neighbours(self) -> None:
        self._lows = array("d", map(min, self._lows[0::2], self._lows[1::2]))
        self._highs = array("d", map(max, self._highs[0::2], self._highs[1::2]))
        self._sums = array("d", map(add, self._sums[0::2], self._sums[1::2]))
        self._counts = array("d", map(add, self._counts[0::2], self._counts[1::2]))
        self._width *= 2
