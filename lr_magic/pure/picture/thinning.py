"""A curve of any length in a bounded number of points, spikes kept."""

from __future__ import annotations

import numpy as np

# Values that wait for being sorted into buckets at most; so many at once cost little more than a few.
_MOST_WAITING = 1024


class ThinnedCurve:
    """Takes one value per step and keeps at most `max_buckets` buckets of neighbouring steps.

    Each bucket holds the lowest, the highest and the mean of its finite values. When the buckets run out, neighbours
    are merged and every bucket becomes twice as wide: a step costs the same however long the run is. Values wait
    until the curve is looked at and are then sorted in together, so that a step costs next to nothing.

    Parameters
    ----------
    max_buckets
        Largest number of buckets, an even number >= 2.

    Examples
    --------
    >>> curve = ThinnedCurve(max_buckets=2)
    >>> for value in (1.0, 5.0, 2.0, 3.0):
    ...     curve.append(value)
    >>> curve.means.tolist(), curve.envelope[1].tolist()
    ([3.0, 2.5], [1.0, 5.0, 2.0, 3.0])
    """

    def __init__(self, max_buckets: int = 400) -> None:
        self._waiting: list[float] = []
        self._width = 1
        self._num_sorted = 0
        self._lows = np.full(max_buckets, np.inf)
        self._highs = np.full(max_buckets, -np.inf)
        self._sums = np.zeros(max_buckets)
        self._counts = np.zeros(max_buckets)

    def __len__(self) -> int:
        return self._num_sorted + len(self._waiting)

    def append(self, value: float) -> None:
        """Take the value of the next step; NaN and infinite values leave a gap."""
        self._waiting.append(value)
        if len(self._waiting) == _MOST_WAITING:
            self._sort_in()

    @property
    def steps(self) -> np.ndarray:
        """(n,) float64: the middle step of each bucket."""
        self._sort_in()
        return (np.arange(self._num_buckets) + 0.5) * self._width - 0.5

    @property
    def means(self) -> np.ndarray:
        """(n,) float64: the mean of each bucket; NaN where it has no finite value."""
        self._sort_in()
        n = self._num_buckets
        counts = self._counts[:n]
        means = np.full(n, np.nan)
        np.divide(self._sums[:n], counts, out=means, where=counts > 0)
        return means

    @property
    def envelope(self) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of a line through the extremes of every bucket, (m,) float64 each."""
        self._sort_in()
        n = self._num_buckets
        if self._width == 1:
            return self.steps, self.means
        has_values = self._counts[:n] > 0
        values = np.full((n, 2), np.nan)
        values[has_values, 0] = self._lows[:n][has_values]
        values[has_values, 1] = self._highs[:n][has_values]
        return np.repeat(self.steps, 2) + np.tile([0.0, 0.5 * self._width], n), values.ravel()

    @property
    def _num_buckets(self) -> int:
        return -(-self._num_sorted // self._width)

    def _sort_in(self) -> None:
        values = np.array(self._waiting, dtype=np.float64)
        self._waiting.clear()
        while len(values):
            num_free = len(self._counts) * self._width - self._num_sorted
            if num_free == 0:
                self._merge_neighbours()
                continue
            self._fill(values[:num_free])
            values = values[num_free:]

    def _fill(self, values: np.ndarray) -> None:
        """Sort in values that the buckets have room for."""
        buckets = np.arange(self._num_sorted, self._num_sorted + len(values)) // self._width
        self._num_sorted += len(values)
        is_finite = np.isfinite(values)
        values, buckets = values[is_finite], buckets[is_finite]
        np.minimum.at(self._lows, buckets, values)
        np.maximum.at(self._highs, buckets, values)
        np.add.at(self._sums, buckets, values)
        np.add.at(self._counts, buckets, 1.0)

    def _merge_neighbours(self) -> None:
        half = len(self._counts) // 2
        self._lows[:half] = np.minimum(self._lows[0::2], self._lows[1::2])
        self._highs[:half] = np.maximum(self._highs[0::2], self._highs[1::2])
        self._sums[:half] = self._sums[0::2] + self._sums[1::2]
        self._counts[:half] = self._counts[0::2] + self._counts[1::2]
        self._lows[half:], self._highs[half:] = np.inf, -np.inf
        self._sums[half:], self._counts[half:] = 0.0, 0.0
        self._width *= 2
