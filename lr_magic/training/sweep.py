"""The state of a sweep: the next rates, what a loss means, when to end. Shared by every way of making the steps."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lr_magic.pure.divergence import DivergenceRule
from lr_magic.pure.errors import SettingError
from lr_magic.pure.range_test_result import RangeTestResult
from lr_magic.pure.records import StepRecord
from lr_magic.pure.schedules import sweep_lrs
from lr_magic.pure.stop_reason import StopReason
from lr_magic.training.loss_fetching import fetcher_for
from lr_magic.training.param_groups import SweptRates
from lr_magic.training.setup import require_positive
from lr_magic.training.steering import Steering

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch.optim import Optimizer

    from lr_magic.pure.control import RunControl
    from lr_magic.training.loss_fetching import LossFetcher


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
        sweep_lrs(self.start_lr, self.end_lr, self.num_steps, linear=self.linear)
        DivergenceRule(self.divergence_factor)
        if self.batches_per_lr < 1:
            raise SettingError(f"batches_per_lr must be at least 1; got {self.batches_per_lr}.")
        require_positive("seconds", self.seconds)

    def lr_at(self, progress: float) -> float:
        """Learning rate at a fraction of the sweep, 0 <= progress <= 1."""
        if progress >= 1.0:
            return self.end_lr
        if self.linear:
            return self.start_lr + (self.end_lr - self.start_lr) * progress
        return float(self.start_lr * (self.end_lr / self.start_lr) ** progress)


class Sweep:
    """A range test under way. Whoever makes the optimizer steps asks and tells it about each.

    ``begin_step()`` before a step sets the rates (False: the sweep is over, make no step); ``end_step(loss)`` after it
    takes the step's loss (False: over). Losses are read late, so the end may be noticed some steps after the step that
    caused it; what came after that step is not recorded. ``result()`` says what was measured.

    Parameters
    ----------
    settings
        Checked settings.
    optimizers
        Optimizers whose rates are swept together, keeping the ratios between all their groups.
    device
        Where the losses are made.
    on_step
        Called once per rate, in order, possibly some steps late.
    control
        Read between steps.
    """

    def __init__(
        self,
        settings: SweepSettings,
        optimizers: Sequence[Optimizer],
        device: torch.device,
        *,
        on_step: Callable[[StepRecord], None] | None = None,
        control: RunControl | None = None,
    ) -> None:
        self._settings = settings
        self._rates = SweptRates(optimizers)
        self._plan = _plan_of(settings)
        self._fetcher: LossFetcher = fetcher_for(device)
        self._rule = DivergenceRule(settings.divergence_factor)
        self._steering = Steering(control)
        self._on_step = on_step
        self._lr: float | None = None
        self._num_at_lr = 0
        self._pending_lrs: deque[float] = deque()
        self._losses_at_lr: list[float] = []
        self._lrs: list[float] = []
        self._losses: list[float] = []
        self.stop_reason: StopReason | None = None

    @property
    def is_over(self) -> bool:
        """Whether no further step is to be made."""
        return self.stop_reason is not None

    @property
    def threshold(self) -> float | None:
        """Loss above which the sweep counts as diverged, as far as known."""
        return self._rule.threshold

    def begin_step(self) -> bool:
        """Set the rates of the coming step; False if the sweep is over."""
        if self.stop_reason is None and not self._steering.follow():
            self.end(StopReason.STOPPED)
        if self.stop_reason is None and self._num_at_lr == 0:
            self._lr = self._plan.next_lr(self._steering.paused_seconds)
            if self._lr is None:
                self.end(self._plan.end_reason)
        if self.stop_reason is not None or self._lr is None:
            return False
        self._rates.set(self._lr)
        return True

    def end_step(self, loss: torch.Tensor) -> bool:
        """Take in the loss of the step just made (0-d, detached); False if the sweep is over."""
        if self._lr is None or self.stop_reason is not None:
            return False
        self._pending_lrs.append(self._lr)
        self._num_at_lr = (self._num_at_lr + 1) % self._settings.batches_per_lr
        for number in self._fetcher.add(loss):
            self._take(number)
        return self.stop_reason is None

    def end(self, reason: StopReason) -> None:
        """End the sweep for a reason of the caller's; losses still under way count first and may have a better one."""
        for number in self._fetcher.finish():
            self._take(number)
        if self.stop_reason is None:
            self.stop_reason = reason

    def result(self, detail: str = "") -> RangeTestResult:
        """What was measured so far."""
        return RangeTestResult(
            lrs=np.array(self._lrs),
            losses=np.array(self._losses),
            stop_reason=self.stop_reason,
            stop_detail=detail,
            settings=_settings_as_dict(self._settings),
        )

    def _take(self, loss: float) -> None:
        lr = self._pending_lrs.popleft()
        if self.stop_reason is not None:
            return
        self._losses_at_lr.append(loss)
        is_finite = loss - loss == 0.0
        if is_finite and len(self._losses_at_lr) < self._settings.batches_per_lr:
            return
        mean = sum(self._losses_at_lr) / len(self._losses_at_lr)
        self._losses_at_lr.clear()
        self._record(lr, mean)

    def _record(self, lr: float, loss: float) -> None:
        record = StepRecord(len(self._lrs), lr, loss)
        self._lrs.append(lr)
        self._losses.append(loss)
        reason = self._rule.update(loss)
        if reason is StopReason.NON_FINITE or self._settings.stop_when_diverged:
            self.stop_reason = reason
        if self._on_step is not None:
            self._on_step(record)


def _settings_as_dict(settings: SweepSettings) -> dict[str, Any]:
    return dict(vars(settings))


class _StepPlan:
    """A fixed number of rates."""

    end_reason = StopReason.COMPLETED

    def __init__(self, settings: SweepSettings) -> None:
        lrs = sweep_lrs(settings.start_lr, settings.end_lr, settings.num_steps, linear=settings.linear)
        self._lrs = iter(lrs.tolist())

    def next_lr(self, paused_seconds: float) -> float | None:  # noqa: ARG002 - a pause costs no steps
        return next(self._lrs, None)


class _TimePlan:
    """As many rates as fit into a time, spread over it.

    The clock starts when the first step is done: a first step may compile, start workers or wake a device.
    """

    # However slow the steps, a curve of fewer points than this says nothing.
    _FEWEST_RATES = 20

    def __init__(self, settings: SweepSettings, clock: Callable[[], float] = time.perf_counter) -> None:
        self._settings = settings
        self._seconds = settings.seconds or 0.0
        self._clock = clock
        self._begin: float | None = None
        self._progress = -1.0
        self.end_reason = StopReason.COMPLETED

    def next_lr(self, paused_seconds: float) -> float | None:
        if self._progress >= 1.0:
            return None
        if self._progress < 0.0:
            self._progress = 0.0
            return self._settings.lr_at(0.0)
        if self._begin is None:
            self._begin = self._clock() - paused_seconds
        elapsed = (self._clock() - self._begin - paused_seconds) / self._seconds
        largest = self._progress + 1.0 / (self._FEWEST_RATES - 1)
        if elapsed >= 1.0 and largest < 1.0:
            self.end_reason = StopReason.OUT_OF_TIME
            return None
        self._progress = min(max(elapsed, self._progress), largest, 1.0)
        return self._settings.lr_at(self._progress)


def _plan_of(settings: SweepSettings) -> _StepPlan | _TimePlan:
    return _StepPlan(settings) if settings.seconds is None else _TimePlan(settings)
