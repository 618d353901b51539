"""When a training has blown up: its loss is back above where it began, or is no number any more."""

from __future__ import annotations

import math

from lr_magic.pure.curve_reading.divergence import DivergenceRule
from lr_magic.pure.results.stop_reason import StopReason

# Two falls above the lowest level: as far above the start as the start was above what has been reached.
_FACTOR = 5.0
# One bad batch is skipped by a scaler or by the person's own step; a dead model yields nothing else any more.
MOST_NON_FINITE = 3
# Losses that are not high are looked at together: in a row, each takes a third of what it does between two steps.
_MOST_WAITING = 8


class BlowUpWatch:
    """Watches the losses of a training.

    A spike is three of four losses that stand two falls above the lowest level reached, see `DivergenceRule`. It is
    reported once; the next one only after the loss has come down or the training was rolled back (`forget_spike`).
    """

    def __init__(self) -> None:
        self._rule = DivergenceRule(_FACTOR)
        self._waiting: list[float] = []
        self._highest_calm = -math.inf
        self._last = -math.inf
        self._num_non_finite = 0
        self._is_reported = False

    @property
    def is_calm(self) -> bool:
        """Whether the last loss is a number, and not so high that it may be the first of a spike."""
        threshold = self._rule.threshold
        return self._num_non_finite == 0 and (threshold is None or self._last <= threshold)

    @property
    def is_dead(self) -> bool:
        """Whether the last losses were all NaN or infinite."""
        return self._num_non_finite >= MOST_NON_FINITE

    def update(self, loss: float) -> StopReason | None:
        """Take in the next loss; DIVERGED or NON_FINITE where the training has just blown up, else None."""
        self._waiting.append(loss)
        if -math.inf < loss <= self._highest_calm and len(self._waiting) < _MOST_WAITING:
            return None
        found = None
        for each in self._waiting:
            found = self._judge(each) or found
        self._waiting.clear()
        threshold = self._rule.threshold
        self._highest_calm = -math.inf if threshold is None else threshold
        return found

    def _judge(self, loss: float) -> StopReason | None:
        if not math.isfinite(loss):
            self._num_non_finite += 1
            return StopReason.NON_FINITE if self._num_non_finite == MOST_NON_FINITE else None
        self._num_non_finite = 0
        self._last = loss
        has_diverged = self._rule.update(loss) is StopReason.DIVERGED
        is_new = has_diverged and not self._is_reported
        self._is_reported = has_diverged
        return StopReason.DIVERGED if is_new else None

    def forget_spike(self) -> None:
        """Begin to watch anew: the training was rolled back."""
        self.__init__()  # type: ignore[misc]
