"""When a range test has seen enough: the loss has blown up, judged on the fall it made before."""

from __future__ import annotations

import math

from lr_magic.pure.errors import SettingError
from lr_magic.pure.stop_reason import StopReason

# Losses that must all stand above the threshold: one or two bad batches never end a sweep.
_NUM_CONFIRMING = 3
# Losses that the start level is taken from, and before which nothing is judged.
_NUM_START = 5


class DivergenceRule:
    """Watches the raw losses of a sweep and says when they have blown up.

    Losses are measured from a floor that lies one fall below the lowest level reached, where the fall is the way from
    the start down to that level: a start of two falls, a lowest level of one. The sweep has diverged when three losses
    in a row stand above `factor` falls. This is the usual *factor x best loss*, freed from where the zero of the loss
    is: shifting or scaling all losses changes nothing, so negative losses and an already trained model (a start near
    zero) are judged like any other.

    Where the loss has not fallen, its own scatter takes the place of the fall.

    Parameters
    ----------
    factor
        Height above the floor, in falls, that counts as blown up, > 2 (2 is the height of the start).
    """

    def __init__(self, factor: float = 4.0) -> None:
        if not factor > 2:
            raise SettingError(f"divergence_factor must be above 2; got {factor:g}. The default is 4.")
        self._factor = factor
        self._start: list[float] = []
        self._previous = self._last = math.inf
        self._lowest_level = math.inf
        self._threshold = math.inf

    @property
    def threshold(self) -> float | None:
        """Loss above which the sweep counts as diverged; None while too few losses are known."""
        return self._threshold if len(self._start) == _NUM_START else None

    def update(self, loss: float) -> StopReason | None:
        """Take in the next loss; returns DIVERGED or NON_FINITE where the sweep has to end, else None."""
        if not math.isfinite(loss):
            return StopReason.NON_FINITE
        threshold = self.threshold
        level = sorted((self._previous, self._last, loss))[1]
        if threshold is not None and min(self._previous, self._last, loss) > threshold:
            return StopReason.DIVERGED
        self._previous, self._last = self._last, loss
        self._learn(loss, level)
        return None

    def _learn(self, loss: float, level: float) -> None:
        if len(self._start) < _NUM_START:
            self._start.append(loss)
        elif level >= self._lowest_level:
            return
        self._lowest_level = min(self._lowest_level, level)
        start = sorted(self._start)[len(self._start) // 2]
        scatter = max(self._start) - min(self._start)
        unit = max(start - self._lowest_level, scatter, 0.1 * abs(start))
        self._threshold = self._lowest_level + (self._factor - 1.0) * unit
