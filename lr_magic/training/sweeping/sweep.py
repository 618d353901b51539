"""The state of a sweep: the next rates, what a loss means, when to end. Shared by every way of making the steps."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from lr_magic.pure.curve_reading.adaptive_sweep import AdaptiveStrides, second_look_from
from lr_magic.pure.curve_reading.divergence import DivergenceRule
from lr_magic.pure.results.range_test_result import RangeTestResult
from lr_magic.pure.results.records import StepRecord
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.endings import detail_of, reason_of
from lr_magic.training.loss_fetching import fetcher_for
from lr_magic.training.param_groups import SweptRates, kind_of
from lr_magic.training.steering import Steering
from lr_magic.training.sweeping.sweep_plan import AdaptivePlan, plan_of
from lr_magic.training.sweeping.swept_points import SweptPoints

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from torch.optim import Optimizer

    from lr_magic.pure.control import RunControl
    from lr_magic.training.sweeping.sweep_settings import SweepSettings

# Ends of a sweep that has seen all it was to see; a sweep that is cut short has not.
_OWN_ENDS = (StopReason.COMPLETED, StopReason.DIVERGED, StopReason.NON_FINITE)


class Sweep:
    """A range test under way. Whoever makes the optimizer steps asks and tells it about each.

    ``begin_step()`` before a step sets the rates (False: the sweep is over, make no step); ``end_step(loss)`` after it
    takes the step's loss (False: over). Losses are read late, so the end may be noticed some steps after the step that
    caused it; what came after that step is not recorded. ``result()`` says what was measured. ``begin_again()``, once
    it is over and everything is put back, says whether a second look follows.

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

    Attributes
    ----------
    stop_reason
        Why the sweep is over; None while it goes on.
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
        self.stop_reason: StopReason | None = None
        self._settings = settings
        self._batches_per_lr = settings.batches_per_lr
        self._set_rates = SweptRates(optimizers).set
        self._kind = kind_of([group for optimizer in optimizers for group in optimizer.param_groups])
        self._plan = plan_of(settings)
        self._may_look_again = settings.is_adaptive
        self._device = device
        self._fetcher = fetcher_for(device)
        self._rule = DivergenceRule(settings.divergence_factor)
        self._steering = Steering(control)
        self._on_step = on_step
        self._seconds_before: float | None = None
        self._detail = ""
        self._lr = 0.0
        self._num_at_lr = 0
        self._lrs_under_way: deque[float] = deque()
        self._losses_at_lr: list[float] = []
        self._points = SweptPoints()

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
            lr = self._plan.next_lr(self._seconds())
            if lr is None:
                self.end(self._plan.end_reason)
            else:
                self._lr = lr
        if self.stop_reason is not None:
            return False
        self._set_rates(self._lr)
        return True

    def end_step(self, loss: torch.Tensor) -> bool:
        """Take in the loss of the step just made (0-d); False if the sweep is over."""
        if self.stop_reason is not None:
            return False
        if self._seconds_before is None:
            self._seconds_before = self._clock()
        self._lrs_under_way.append(self._lr)
        self._num_at_lr = (self._num_at_lr + 1) % self._batches_per_lr
        for number in self._fetcher.add(loss):
            self._take(number)
        if self._plan.needs_losses:
            for number in self._fetcher.earlier():
                self._take(number)
        return self.stop_reason is None

    def end(self, reason: StopReason) -> None:
        """End the sweep for a reason from outside; losses still under way count first and may have a better one."""
        for number in self._fetcher.finish():
            self._take(number)
        if self.stop_reason is None:
            self.stop_reason = reason

    def abort(self, error: BaseException) -> None:
        """End the sweep because of an error or an interrupt, if it is not over yet; what was measured counts."""
        if self.stop_reason is not None:
            return
        # Reading may fail for the same reason as the run did (a device in trouble, a view's callback).
        with suppress(Exception):
            for number in self._fetcher.finish():
                self._take(number)
        self.stop_reason, self._detail = reason_of(error), detail_of(error)

    def begin_again(self) -> bool:
        """Go back to some decades below the end for a second, finer look, if the first one shows no answer."""
        if not self._may_look_again or self.stop_reason not in _OWN_ENDS:
            return False
        self._may_look_again = False
        start_lr = second_look_from(self._points.lrs, self._points.losses)
        if start_lr is None:
            return False
        self._points.begin_again()
        self._fetcher = fetcher_for(self._device)
        self._plan = AdaptivePlan(AdaptiveStrides(start_lr, is_second_look=True))
        self._rule = DivergenceRule(self._settings.divergence_factor)
        self._lrs_under_way.clear()
        self.stop_reason = None
        return True

    def result(self) -> RangeTestResult:
        """What was measured so far."""
        # A second look that came to its own end stands for itself.
        has_ended = self.stop_reason in _OWN_ENDS
        lrs, losses = (self._points.lrs, self._points.losses) if has_ended else self._points.of_both_looks()
        return RangeTestResult(
            lrs=np.array(lrs),
            losses=np.array(losses),
            stop_reason=self.stop_reason,
            stop_detail=self._detail,
            settings=dict(self._settings.as_run()),
            optimizer_kind=self._kind,
        )

    def _clock(self) -> float:
        return perf_counter() - self._steering.paused_seconds

    def _seconds(self) -> float:
        """Time since the first step was done, pauses not counted."""
        return 0.0 if self._seconds_before is None else self._clock() - self._seconds_before

    def _take(self, loss: float) -> None:
        """Take in a number that has arrived; those after the end are dropped."""
        lr = self._lrs_under_way.popleft()
        if self.stop_reason is not None:
            return
        if self._batches_per_lr == 1:
            self._record(lr, loss)
            return
        self._losses_at_lr.append(loss)
        is_finite = loss - loss == 0.0
        if len(self._losses_at_lr) == self._batches_per_lr or not is_finite:
            self._record(lr, sum(self._losses_at_lr) / len(self._losses_at_lr))
            self._losses_at_lr.clear()

    def _record(self, lr: float, loss: float) -> None:
        self._points.append(lr, loss)
        self._plan.take(loss)
        reason = self._rule.update(loss)
        if reason is StopReason.NON_FINITE or (reason is not None and self._settings.stop_when_diverged):
            self.stop_reason = reason
        if self._on_step is not None:
            self._on_step(StepRecord(len(self._points.lrs) - 1, lr, loss))
