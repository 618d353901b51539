"""The settings of a sweep, checked: what is given, and what follows where it is not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lr_magic.pure.curve_reading.divergence import DivergenceRule
from lr_magic.pure.errors import SettingError
from lr_magic.pure.schedules import sweep_lrs
from lr_magic.training.setup import require_positive


@dataclass(frozen=True)
class SweepSettings:
    """Settings of a sweep, checked.

    Without a range, a number of steps or a time, and with one batch per rate, the sweep chooses its own rates from the
    losses (`AdaptiveStrides`). As soon as one of these is given, all rates are known before: 1e-7 to 10 in 100 steps
    where not said otherwise.

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

    start_lr: float | None = None
    end_lr: float | None = None
    num_steps: int | None = None
    batches_per_lr: int = 1
    linear: bool = False
    divergence_factor: float = 4.0
    stop_when_diverged: bool = True
    seconds: float | None = None

    def __post_init__(self) -> None:
        self.range.lrs()
        DivergenceRule(self.divergence_factor)
        if self.batches_per_lr < 1:
            raise SettingError(f"batches_per_lr must be at least 1; got {self.batches_per_lr}.")
        require_positive("seconds", self.seconds, hint="None makes num_steps steps, however long they take.")

    @property
    def is_adaptive(self) -> bool:
        """Whether the sweep chooses its own rates."""
        is_planned = any(each is not None for each in (self.start_lr, self.end_lr, self.num_steps, self.seconds))
        return not (is_planned or self.linear or self.batches_per_lr > 1) and self.stop_when_diverged

    @property
    def range(self) -> RateRange:
        """Rates of a sweep that does not choose its own; the usual ones where not given."""
        given: dict[str, Any] = {"start_lr": self.start_lr, "end_lr": self.end_lr, "num_steps": self.num_steps}
        return RateRange(linear=self.linear, **{name: each for name, each in given.items() if each is not None})

    @property
    def planned_steps(self) -> int | None:
        """Number of rates, where it is known before."""
        return None if self.is_adaptive or self.seconds is not None else self.range.num_steps

    def in_one_pass(self) -> SweepSettings:
        """The same for a sweep that cannot go back: even strides."""
        return replace(self, num_steps=RateRange.num_steps) if self.is_adaptive else self

    def as_run(self) -> dict[str, Any]:
        """Plain values by name; the rates are None where the sweep chooses its own."""
        return vars(self) if self.is_adaptive else vars(self) | vars(self.range)


@dataclass(frozen=True)
class RateRange:
    """Rates that are known before the sweep; see `SweepSettings`."""

    start_lr: float = 1e-7
    end_lr: float = 10.0
    num_steps: int = 100
    linear: bool = False

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
