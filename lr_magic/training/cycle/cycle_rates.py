"""Rates and momenta of all param groups for each step of a cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lr_magic.training.param_groups import get_momentum, set_lr, set_momentum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.pure.schedules import Values
    from lr_magic.training.setup import TrainingSetup

# Values are computed for so many steps at a time: in a row, each takes a third of what it does between two steps.
_NUM_AHEAD = 16


class Schedule(Protocol):
    """Rate and momentum as functions of the step: `OneCycle`, `SteeredCycle`."""

    @property
    def total_steps(self) -> int:
        """Number of steps that it has values for."""

    def values_at(self, step: int) -> Values:
        """Learning rate and momentum of a step."""


class CycleRates:
    """Sets rate and momentum of every param group for a step.

    Parameters
    ----------
    setup
        Whose optimizer's groups are set.
    cycles
        One schedule per param group.
    """

    def __init__(self, setup: TrainingSetup, cycles: Sequence[Schedule]) -> None:
        self._groups = [(group, get_momentum(group) is not None) for group in setup.optimizer.param_groups]
        self.replace(cycles)

    def replace(self, cycles: Sequence[Schedule]) -> None:
        """From now on follow these schedules."""
        self._cycles = cycles
        self._first = 0
        self._ahead: list[list[Values]] = []

    def set(self, step: int) -> tuple[float, float | None]:
        """Set what the schedules say for a step; returns the highest rate and the momentum (None if not cycled)."""
        if not self._first <= step < self._first + len(self._ahead):
            self._look_ahead(step)
        highest, cycled = 0.0, None
        for (group, has_momentum), (lr, momentum) in zip(self._groups, self._ahead[step - self._first], strict=True):
            highest = max(lr, highest)
            set_lr(group, lr)
            if has_momentum:
                cycled = momentum
                set_momentum(group, momentum)
        return highest, cycled

    def _look_ahead(self, step: int) -> None:
        end = max(step + 1, min(step + _NUM_AHEAD, self._cycles[0].total_steps))
        self._first = step
        self._ahead = [[cycle.values_at(each) for cycle in self._cycles] for each in range(step, end)]
