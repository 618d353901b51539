"""A range test that chooses its own rates: large strides while nothing moves, fine ones where the curve bends."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lr_magic.pure.errors import SettingError

# Losses that the start level and the noise are taken from before anything is judged.
_NUM_START = 6
_NUM_RECENT = 3
# A pass with fewer fine strides than this has seen its fall too roughly; the second one begins so many decades lower.
_FEWEST_FINE = 15
_SECOND_LOOK = 3.5


@dataclass(frozen=True)
class Move:
    """What to do next.

    Attributes
    ----------
    lr
        Rate of the next step; None where the sweep is over.
    is_restart
        True where this pass is of no use: put everything back first, and begin a second pass at `lr`. Either the first
        rates were too high already, or the strides were still large when the loss blew up, its fall hidden by noise.
    """

    lr: float | None
    is_restart: bool = False


@dataclass(frozen=True)
class AdaptiveSweep:
    """Rules by which the next rate follows from the losses so far. Holds no state: the points are the state.

    Attributes
    ----------
    start_lr
        First rate, > 0.
    highest_lr
        Where the sweep ends if nothing blows up before, > start_lr.
    strides_per_decade
        Steps per decade while the loss does not move, and from there on.
    moved
        Distance from the start level, in its standard errors, that counts as a movement.
    """

    start_lr: float = 1e-6
    highest_lr: float = 100.0
    strides_per_decade: tuple[float, float] = (4.0, 10.0)
    moved: float = 2.5

    def __post_init__(self) -> None:
        if not 0 < self.start_lr < self.highest_lr < math.inf:
            raise SettingError(
                f"highest_lr must be finite and above start_lr, both above 0; got start_lr={self.start_lr:g} and "
                f"highest_lr={self.highest_lr:g}."
            )

    def next_move(self, lrs: list[float], losses: list[float], *, is_second_pass: bool = False) -> Move:
        """Decide on the next step.

        Parameters
        ----------
        lrs, losses
            The points of this pass so far, in order; empty at its start.
        is_second_pass
            After a restart: fine strides all the way, and no further restart.

        Examples
        --------
        >>> AdaptiveSweep().next_move([], [])
        Move(lr=1e-06, is_restart=False)
        >>> round(AdaptiveSweep().next_move([1e-6], [2.3]).lr, 8)
        1.78e-06
        """
        if not lrs:
            return Move(self.start_lr)
        rates, values = np.array(lrs), np.array(losses)
        if not np.isfinite(values[-1]) or _has_blown_up(values):
            return Move(None) if is_second_pass else self._after_blow_up(rates)
        coarse, fine = self.strides_per_decade
        stride = fine if is_second_pass or self._is_fine(rates, values) else coarse
        lr = lrs[-1] * 10 ** (1 / stride)
        return Move(lr if lr < self.highest_lr * 1.0001 else None)

    def _after_blow_up(self, lrs: np.ndarray) -> Move:
        """End the sweep, unless it began too high or saw the fall in large strides only."""
        if lrs.size <= 2 * _NUM_START:
            return Move(float(lrs[0]) / 1000, is_restart=True)
        if self._num_fine(lrs) < _FEWEST_FINE:
            return Move(max(float(lrs[-1]) * 10**-_SECOND_LOOK, self.start_lr), is_restart=True)
        return Move(None)

    def _num_fine(self, lrs: np.ndarray) -> int:
        """Number of strides below the coarse one."""
        ratios = lrs[1:] / lrs[:-1]
        return int((ratios < 10 ** (0.9 / self.strides_per_decade[0])).sum())

    def _is_fine(self, lrs: np.ndarray, losses: np.ndarray) -> bool:
        """Once in fine strides, always; else where the last losses stand off the start level by more than noise."""
        if self._num_fine(lrs):
            return True
        if lrs.size < _NUM_START + _NUM_RECENT:
            return False
        start, noise = _start_of(losses[:-_NUM_RECENT])
        error = noise * math.sqrt(1 / _NUM_RECENT + 1 / (lrs.size - _NUM_RECENT))
        return abs(float(losses[-_NUM_RECENT:].mean()) - start) > self.moved * error


def _start_of(losses: np.ndarray) -> tuple[float, float]:
    """Level and noise of losses that do not move yet."""
    return float(losses.mean()), float(losses.std(ddof=1)) + 1e-12 * abs(float(losses.mean()))


def _has_blown_up(losses: np.ndarray) -> bool:
    """Whether three of the last four losses stand above the start by half of the fall, and by far more than noise."""
    if losses.size < _NUM_START + 4:
        return losses.size >= 4 and float(losses[-3:].min()) > 3 * abs(float(losses[0])) + float(losses[0])
    start, noise = _start_of(losses[:_NUM_START])
    medians = np.median(np.lib.stride_tricks.sliding_window_view(losses, 3), axis=1)
    fall = max(start - float(medians.min()), 0.0)
    bends = np.abs(losses[1:-1] - 0.5 * (losses[:-2] + losses[2:])) / math.sqrt(1.5)
    noise = max(noise, float(np.median(bends)) * 1.4826)
    return float(np.sort(losses[-4:])[1]) > start + max(0.5 * fall, 5 * noise)
