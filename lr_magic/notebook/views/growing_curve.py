"""The curve of a range test under way: what is drawn of it, and the two levels it is judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lr_magic.pure.curve_reading.divergence import DivergenceRule
from lr_magic.pure.curve_reading.smoothing import smooth
from lr_magic.pure.picture.thinning import ThinnedCurve

if TYPE_CHECKING:
    from lr_magic.pure.results.records import StepRecord


class Levels(NamedTuple):
    """Losses that a sweep is watched against: where it ends, and the lowest smoothed one so far."""

    threshold: float
    best: float


class GrowingCurve:
    """Takes the records of a sweep, and works on them only when it is looked at.

    Beside a training the code of a single step is cold and slow, so the steps between two looks are worked on together.

    Parameters
    ----------
    divergence_factor
        See `DivergenceRule`.

    Attributes
    ----------
    last
        Record of the last step; None before the first.
    raw, smoothed
        (n,) float64, the losses as of the last `refresh`.
    """

    def __init__(self, divergence_factor: float) -> None:
        self.last: StepRecord | None = None
        self.raw = self.smoothed = np.array([])
        self._first: StepRecord | None = None
        self._lrs = ThinnedCurve()
        self._losses = ThinnedCurve()
        self._rule = DivergenceRule(divergence_factor)
        self._waiting: list[StepRecord] = []

    def append(self, record: StepRecord) -> None:
        """Take one step."""
        self._waiting.append(record)
        self._first = self._first or record
        self.last = record

    def refresh(self) -> None:
        """Take in and smooth what has come."""
        for record in self._waiting:
            self._lrs.append(record.lr)
            self._losses.append(record.loss)
            self._rule.update(record.loss)
        self._waiting.clear()
        self.raw = self._losses.means
        self.smoothed = smooth(self.raw)

    @property
    def lr_range(self) -> tuple[float, ...]:
        """First and last rate; nothing before the first step."""
        return (self._first.lr, self.last.lr) if self._first and self.last else ()

    @property
    def points(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rates, raw and smoothed losses, (n,) float64 each; to be read right after `refresh`.

        Where neighbouring steps share a bucket, the raw line goes through the extremes of each.
        """
        beside = self._losses.at_extremes
        return beside(self._lrs.means), self._losses.extremes, beside(self.smoothed)

    @property
    def threshold(self) -> float | None:
        """Loss above which the sweep ends as of the last `refresh`; None while too few losses are known."""
        return self._rule.threshold

    @property
    def levels(self) -> Levels | None:
        """The levels as of the last `refresh`; None while too few losses are known."""
        threshold, finite = self.threshold, self.smoothed[np.isfinite(self.smoothed)]
        return None if threshold is None or not len(finite) else Levels(threshold, float(finite.min()))
