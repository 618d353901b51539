"""When a range test has seen enough: the loss has blown up, judged on the fall it made before."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

from lr_magic.pure.errors import SettingError
from lr_magic.pure.stop_reason import StopReason

# So many of the latest losses must stand above the threshold: one or two bad batches never end a sweep.
_NUM_CONFIRMING, _NUM_LATEST = 3, 4
# Losses that the start level is taken from, and before which nothing is judged.
_NUM_START = 5
# Noise: this multiple of the jump from loss to loss that one in twenty exceeds. For normal noise that is 8 standard
# deviations, which puts the threshold far above all of them; few or heavy outliers raise it too.
_NOISE_PER_JUMP = 3.0
_JUMP_QUANTILE = 0.95
_NUM_JUMPS = 200
# What counts as a change at all, as a share of the loss itself.
_LEAST_CHANGE = 0.1


class DivergenceRule:
    """Watches the raw losses of a sweep and says when they have blown up.

    The usual rule, *above factor x the best loss*, fails where the zero of the loss is arbitrary: a negative best loss
    is exceeded at once, a best loss near zero by any noisy batch. So losses are measured here from a floor that lies
    half a fall below the lowest level reached, where the fall is the way from the start down to that level. The sweep
    has diverged when three of the latest four losses stand more than `factor` times as high above the floor as the
    lowest level does. With the default of 4 that is one and a half falls above the lowest level, half a fall above
    the start.

    Where the loss has hardly fallen, its own noise takes the place of the fall.

    Parameters
    ----------
    factor
        Height that counts as blown up, in heights of the lowest level, > 1; the start is at 3.

    Examples
    --------
    >>> rule = DivergenceRule()
    >>> losses = [2.0, 2.0, 2.0, 2.0, 2.0, 1.5, 1.0, 1.0, 1.0, 9.0, 1.0, 1.5, 4.0, 8.0, 20.0]
    >>> [loss for loss in losses if rule.update(loss)]
    [20.0]
    """

    def __init__(self, factor: float = 4.0) -> None:
        if not factor > 1:
            raise SettingError(f"divergence_factor must be above 1; got {factor:g}. The default is 4.")
        self._factor = factor
        self._start: list[float] = []
        self._latest: deque[float] = deque(maxlen=_NUM_LATEST)
        self._jumps: deque[float] = deque()
        self._sorted_jumps: list[float] = []
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
        is_judged = len(self._start) == _NUM_START
        self._latest.append(loss)
        if is_judged and loss > self._threshold:
            num_above = sum(latest > self._threshold for latest in self._latest)
            return StopReason.DIVERGED if num_above >= _NUM_CONFIRMING else None
        if not is_judged:
            self._start.append(loss)
        self._learn()
        return None

    def _learn(self) -> None:
        """Level, fall and noise from losses below the threshold; those above it may be the blow-up itself."""
        latest = list(self._latest)[-3:]
        level = sorted(latest)[len(latest) // 2]
        # Above the start the jumps may be those of a slow blow-up, and a threshold that follows them is never crossed.
        if len(latest) > 1 and level <= max(self._start):
            self._add_jump(abs(latest[-1] - latest[-2]))
        self._lowest_level = min(self._lowest_level, level)
        start = sorted(self._start)[len(self._start) // 2]
        unit = max(start - self._lowest_level, self._noise(), _LEAST_CHANGE * abs(start))
        self._threshold = self._lowest_level + (self._factor - 1.0) / 2.0 * unit

    def _add_jump(self, jump: float) -> None:
        self._jumps.append(jump)
        insort(self._sorted_jumps, jump)
        if len(self._jumps) > _NUM_JUMPS:
            oldest = self._jumps.popleft()
            del self._sorted_jumps[bisect_left(self._sorted_jumps, oldest)]

    def _noise(self) -> float:
        if not self._sorted_jumps:
            return 0.0
        return _NOISE_PER_JUMP * self._sorted_jumps[math.ceil(_JUMP_QUANTILE * (len(self._sorted_jumps) - 1))]
