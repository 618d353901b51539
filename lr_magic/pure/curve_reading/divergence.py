"""When a range test has seen enough: the loss has blown up, judged on the fall it made before."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.stop_reason import StopReason

# So many of the latest losses must stand above the threshold: one or two bad batches never end a sweep.
_NUM_CONFIRMING, _NUM_LATEST = 3, 4
# Losses that the start level is taken from, and before which nothing is judged.
_NUM_START = 5
# Noise: this multiple of the upward jump from loss to loss that one in twenty exceeds (a downward one may be progress).
# For normal noise that is 8 standard deviations, which puts the threshold far above all losses; outliers raise it too.
_NOISE_PER_JUMP = 3.0
_JUMP_QUANTILE = 0.95
_NUM_JUMPS = 200
# A jump counts as noise once the losses have stayed low for so long after it; it may be the first of the blow-up.
_NUM_DELAYED = 3
# Noise as long as no jumps are known: this multiple of the way from the lowest to the highest loss of the start.
_SCATTERS = 3.0
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
    >>> losses = [*[2.0] * 10, 1.5, *[1.0] * 10, 1.5, 3.0, 6.0, 12.0]
    >>> [loss for loss in losses if rule.update(loss)]
    [12.0]
    """

    def __init__(self, factor: float = 4.0) -> None:
        if not factor > 1:
            raise SettingError(f"divergence_factor must be above 1; got {factor:g}. The default is 4.")
        self._units = (factor - 1.0) / 2.0
        self._start: list[float] = []
        self._start_level = self._start_top = self._least_fall = 0.0
        self._latest: deque[float] = deque(maxlen=_NUM_LATEST)
        self._delayed_jumps: deque[float] = deque()
        self._jumps: deque[float] = deque()
        self._sorted_jumps: list[float] = []
        self._noise = 0.0
        self._lowest_level = math.inf
        self._threshold = math.inf

    @property
    def threshold(self) -> float | None:
        """Loss above which the sweep counts as diverged; None while too few losses are known."""
        return self._threshold if math.isfinite(self._threshold) else None

    def update(self, loss: float) -> StopReason | None:
        """Take in the next loss; returns DIVERGED or NON_FINITE where the sweep has to end, else None."""
        if not math.isfinite(loss):
            return StopReason.NON_FINITE
        self._latest.append(loss)
        if loss > self._threshold:
            return StopReason.DIVERGED if self._is_confirmed() else None
        is_start = len(self._start) < _NUM_START
        if is_start:
            self._start_with(loss)
        # Most losses of a training are neither a new lowest one nor a large jump.
        if self._has_learned() or is_start:
            self._place_threshold()
        return None

    def _start_with(self, loss: float) -> None:
        self._start.append(loss)
        self._start_level = sorted(self._start)[len(self._start) // 2]
        self._start_top = max(self._start)
        scatter = _SCATTERS * (self._start_top - min(self._start))
        self._least_fall = max(scatter, _LEAST_CHANGE * abs(self._start_level))

    def _is_confirmed(self) -> bool:
        return sum(loss > self._threshold for loss in self._latest) >= _NUM_CONFIRMING

    def _has_learned(self) -> bool:
        """Learn level and noise from losses below the threshold, others may be the blow-up; whether one has changed."""
        last = self._latest[-1]
        previous = self._latest[-2] if len(self._latest) > 1 else last
        before = self._latest[-3] if len(self._latest) > 2 else previous
        level = sorted((before, previous, last))[1]
        noise = self._noise
        # Above the start the jumps may be those of a slow blow-up, and a threshold that follows them is never crossed.
        if level > self._start_top:
            self._delayed_jumps.clear()
        else:
            self._delayed_jumps.append(last - previous)
            if len(self._delayed_jumps) > _NUM_DELAYED:
                self._add_jump(self._delayed_jumps.popleft())
        is_lowest = level < self._lowest_level
        if is_lowest:
            self._lowest_level = level
        return is_lowest or self._noise != noise

    def _place_threshold(self) -> None:
        if len(self._start) == _NUM_START:
            fall = max(self._start_level - self._lowest_level, self._least_fall, self._noise)
            self._threshold = self._lowest_level + self._units * fall

    def _add_jump(self, jump: float) -> None:
        if jump <= 0.0:
            return
        jumps = self._sorted_jumps
        self._jumps.append(jump)
        insort(jumps, jump)
        if len(jumps) > _NUM_JUMPS:
            del jumps[bisect_left(jumps, self._jumps.popleft())]
        self._noise = _NOISE_PER_JUMP * jumps[math.ceil(_JUMP_QUANTILE * (len(jumps) - 1))]
