"""The settings of a sweep, and which rate comes next: by steps or by time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lr_magic.pure.curve_reading.divergence import DivergenceRule
from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.pure.schedules import sweep_lrs
from lr_magic.training.setup import require_positive

if TYPE_CHECKING:
    from collections.abc import Callable

# However slow the steps, a sweep by time makes at least this many rates: fewer points say nothing.
FEWEST_RATES_BY_TIME = 20


@dataclass(frozen=True)
class SweepSettings:
    """Settings of a sweep, checked.

    Attributes
    ----------
    start_lr, end_lr
        First and last learning rate, both reached exactly, 0 < start_lr < end_lr.
    num_steps
        Number of learning rates, >= 1.
    batches_per_lr
        Optimizer steps made at each rate, >= 1; the loss of a rate is their mean.
    linear
        Equal differences instead of equal ratios.
    divergence_factor
        See `DivergenceRule`.
    stop_when_diverged
        False sweeps on to `end_lr` unless the loss is NaN or infinite.
    seconds
        Time for the whole sweep, > 0, in place of `num_steps`; None for no limit.

    Raises
    ------
    SettingError
        If a value is out of its range.
    """

    start_lr: float = 1e-7
    end_lr: float = 10.0
    num_steps: int = 100
    batches_per_lr: int = 1
    linear: bool = False
    divergence_factor: float = 4.0
    stop_when_diverged: bool = True
    seconds: float | None = None

    def __post_init__(self) -> None:
        self.lrs()
        DivergenceRule(self.divergence_factor)
        if self.batches_per_lr < 1:
            raise SettingError(f"batches_per_lr must be at least 1; got {self.batches_per_lr}.")
        require_positive("seconds", self.seconds, hint="None makes num_steps steps, however long they take.")

    def lrs(self) -> list[float]:
        """Learning rates of a sweep by steps."""
        rates: list[float] = sweep_lrs(self.start_lr, self.end_lr, self.num_steps, linear=self.linear).tolist()
        return rates

    def lr_at(self, progress: float) -> float:
        """Learning rate at a fraction of the sweep, 0 <= progress <= 1."""
        if progress >= 1.0:
            return self.end_lr
        if self.linear:
            return self.start_lr + (self.end_lr - self.start_lr) * progress
        return float(self.start_lr * (self.end_lr / self.start_lr) ** progress)


class SweepPlan(Protocol):
    """Says which rate comes next."""

    end_reason: StopReason

    def next_lr(self, paused_seconds: float) -> float | None:
        """Next rate; None once there is none, for `end_reason`."""


class StepPlan:
    """A fixed number of rates."""

    def __init__(self, settings: SweepSettings) -> None:
        self.end_reason = StopReason.COMPLETED
        self._lrs = iter(settings.lrs())

    def next_lr(self, paused_seconds: float) -> float | None:  # noqa: ARG002 - a pause costs no steps
        """Next rate of the list."""
        return next(self._lrs, None)


class TimePlan:
    """As many rates as fit into a time, spread over it.

    The clock starts when the first step is done: a first step may compile, start workers or wake a device. Where the
    time is up before the steps could make `FEWEST_RATES_BY_TIME` rates, the sweep ends before `end_lr`.

    Parameters
    ----------
    settings
        Settings with `seconds`.
    clock
        Seconds, for tests.
    """

    def __init__(self, settings: SweepSettings, clock: Callable[[], float] = time.perf_counter) -> None:
        self.end_reason = StopReason.COMPLETED
        self._settings = settings
        self._seconds = settings.seconds or 0.0
        self._clock = clock
        self._begin: float | None = None
        self._progress = -1.0

    def next_lr(self, paused_seconds: float) -> float | None:
        """Rate for the time that has passed, not counting pauses."""
        if self._progress >= 1.0:
            return None
        if self._progress < 0.0:
            self._progress = 0.0
            return self._settings.lr_at(0.0)
        now = self._clock() - paused_seconds
        if self._begin is None:
            self._begin = now
        elapsed = (now - self._begin) / self._seconds
        farthest = self._progress + 1.0 / (FEWEST_RATES_BY_TIME - 1)
        if elapsed >= 1.0 and farthest < 1.0:
            self.end_reason = StopReason.OUT_OF_TIME
            return None
        self._progress = min(max(elapsed, self._progress), farthest, 1.0)
        return self._settings.lr_at(self._progress)


def plan_of(settings: SweepSettings) -> SweepPlan:
    """Plan by time where `seconds` is given, else by steps."""
    return StepPlan(settings) if settings.seconds is None else TimePlan(settings)
