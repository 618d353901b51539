"""The rates of a sweep that chooses its own: large strides while nothing moves, fine ones where the loss bends."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from lr_magic.pure.curve_reading.curve import read_points
from lr_magic.pure.curve_reading.suggestion import check_has_answer
from lr_magic.pure.errors import NoSuggestionError

if TYPE_CHECKING:
    from collections.abc import Sequence

START_LR, HIGHEST_LR = 1e-6, 10.0
"""First rate of a sweep, and where it ends if nothing blows up before."""

# Strides per decade: while the loss does not move, once it has moved, and on a second look.
_COARSE, _FINE, _FINER = 4, 10, 15
# The latest losses are held against all before them, once there are enough; a movement counts from so many standard
# errors of their difference on.
_NUM_LATEST, _FEWEST_BEFORE, _MOVED = 3, 6, 2.5
# A second look begins so many decades below where the first one ended.
_SECOND_LOOK = 3.5


class AdaptiveStrides:
    """Chooses the next rate from the losses so far.

    Parameters
    ----------
    start_lr
        First rate, 0 < start_lr <= `HIGHEST_LR`.
    is_second_look
        Strides finer than fine ones, all the way.

    Examples
    --------
    >>> strides = AdaptiveStrides()
    >>> [float(f"{strides.next_lr():.3g}") for _ in range(3)]
    [1e-06, 1.78e-06, 3.16e-06]
    """

    def __init__(self, start_lr: float = START_LR, *, is_second_look: bool = False) -> None:
        self._per_decade = _FINER if is_second_look else _COARSE
        self._log_lr = math.log10(start_lr) - 1 / self._per_decade
        self._latest: deque[float] = deque()
        self._num_before = 0
        self._mean = self._squares = 0.0

    @property
    def are_large(self) -> bool:
        """Whether no loss has moved yet; afterwards the strides stay as they are."""
        return self._per_decade == _COARSE

    def next_lr(self) -> float | None:
        """Rate of the next step; None past `HIGHEST_LR`."""
        self._log_lr += 1 / self._per_decade
        lr = 10.0**self._log_lr
        return lr if lr < HIGHEST_LR * 1.0001 else None

    def take(self, loss: float) -> None:
        """Take in the next loss, in the order of the steps; finite."""
        if not self.are_large:
            return
        self._latest.append(loss)
        if len(self._latest) > _NUM_LATEST:
            self._add_before(self._latest.popleft())
        if self._num_before >= _FEWEST_BEFORE and self._has_moved():
            self._per_decade = _FINE

    def _add_before(self, loss: float) -> None:
        """Mean and sum of squared deviations, updated (Welford 1962)."""
        self._num_before += 1
        deviation = loss - self._mean
        self._mean += deviation / self._num_before
        self._squares += deviation * (loss - self._mean)

    def _has_moved(self) -> bool:
        noise = math.sqrt(self._squares / (self._num_before - 1)) + 1e-12 * abs(self._mean)
        error = noise * math.sqrt(1 / _NUM_LATEST + 1 / self._num_before)
        return abs(sum(self._latest) / _NUM_LATEST - self._mean) > _MOVED * error


def second_look_from(lrs: Sequence[float], losses: Sequence[float]) -> float | None:
    """Rate from which on a pass that has ended is to be made again, finer; None where it carries an answer.

    It carries none where it began too high already, or where noise and large strides have hidden its fall.

    Parameters
    ----------
    lrs, losses
        (n,) each, n >= 1: the points of the pass.
    """
    try:
        check_has_answer(read_points(lrs, losses))
    except NoSuggestionError:
        return lrs[-1] * 10**-_SECOND_LOOK
    return None


def most_steps_left(lr: float, *, is_second_look: bool = False) -> int:
    """Largest number of steps that a pass still makes after the one at `lr`.

    Examples
    --------
    >>> most_steps_left(1.0), most_steps_left(1.0, is_second_look=True)
    (10, 15)
    """
    per_decade = _FINER if is_second_look else _FINE
    return max(0, math.ceil(per_decade * math.log10(HIGHEST_LR / lr) - 0.01))
