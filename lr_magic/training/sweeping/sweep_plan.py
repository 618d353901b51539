"""Which rate of a sweep comes next: by the losses, by steps or by time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from lr_magic.pure.curve_reading.adaptive_sweep import AdaptiveStrides
from lr_magic.pure.results.stop_reason import StopReason

if TYPE_CHECKING:
    from lr_magic.training.sweeping.sweep_settings import SweepSettings

# However slow the steps, a sweep by time makes at least this many rates: fewer points say nothing.
FEWEST_RATES_BY_TIME = 20


class SweepPlan(Protocol):
    """Says which rate comes next.

    Attributes
    ----------
    end_reason
        Why the sweep ends once there is no further rate.
    """

    end_reason: StopReason

    @property
    def needs_losses(self) -> bool:
        """Whether the next rate hangs on the losses of the steps before the last."""

    def next_lr(self, seconds: float, /) -> float | None:
        """Next rate, so long after the first step was done; None once there is none, for `end_reason`."""

    def take(self, loss: float) -> None:
        """Take in the loss of a rate, in order."""


class AdaptivePlan:
    """Rates that follow from the losses, but for the loss of the step just made: a device may still be at work on it.

    Parameters
    ----------
    strides
        Chooses the rates.
    """

    def __init__(self, strides: AdaptiveStrides) -> None:
        self.end_reason = StopReason.COMPLETED
        self._strides = strides
        self._num_unjudged = 0
        self._arrived: deque[float] = deque()

    @property
    def needs_losses(self) -> bool:
        """Whether a loss may still change the strides."""
        return self._strides.are_large

    def next_lr(self, _seconds: float, /) -> float | None:
        """Next rate; the same on every device, whether the last loss has arrived or not."""
        while self._num_unjudged > 1 and self._arrived:
            self._strides.take(self._arrived.popleft())
            self._num_unjudged -= 1
        self._num_unjudged += 1
        return self._strides.next_lr()

    def take(self, loss: float) -> None:
        """Take in the loss of a rate."""
        self._arrived.append(loss)


class StepPlan:
    """A fixed number of rates."""

    needs_losses = False

    def __init__(self, settings: SweepSettings) -> None:
        self.end_reason = StopReason.COMPLETED
        self._lrs = iter(settings.range.lrs())

    def next_lr(self, _seconds: float, /) -> float | None:
        """Next rate of the list."""
        return next(self._lrs, None)

    def take(self, loss: float) -> None:
        """Nothing depends on the losses."""


class TimePlan:
    """As many rates as fit into a time, spread over it.

    The first step is not counted: it may compile, start workers or wake a device. Where the time is up before the steps
    could make `FEWEST_RATES_BY_TIME` rates, the sweep ends before `end_lr`.

    Parameters
    ----------
    settings
        Settings with `seconds`.
    """

    needs_losses = False

    def __init__(self, settings: SweepSettings) -> None:
        self.end_reason = StopReason.COMPLETED
        self._lr_at = settings.range.lr_at
        self._seconds = settings.seconds or 0.0
        self._progress = -1.0

    def next_lr(self, seconds: float, /) -> float | None:
        """Rate for the time that has passed."""
        if self._progress >= 1.0:
            return None
        if self._progress < 0.0:
            self._progress = 0.0
            return self._lr_at(0.0)
        elapsed = seconds / self._seconds
        farthest = self._progress + 1.0 / (FEWEST_RATES_BY_TIME - 1)
        if elapsed >= 1.0 and farthest < 1.0:
            self.end_reason = StopReason.OUT_OF_TIME
            return None
        self._progress = min(max(elapsed, self._progress), farthest, 1.0)
        return self._lr_at(self._progress)

    def take(self, loss: float) -> None:
        """Nothing depends on the losses."""


def plan_of(settings: SweepSettings) -> SweepPlan:
    """Plan by the losses where nothing is planned, by time where `seconds` is given, else by steps."""
    if settings.is_adaptive:
        return AdaptivePlan(AdaptiveStrides())
    return StepPlan(settings) if settings.seconds is None else TimePlan(settings)
