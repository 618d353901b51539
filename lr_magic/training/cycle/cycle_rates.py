"""Rates and momenta of all param groups for each step of a cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lr_magic.training.param_groups import get_momentum, set_lr, set_momentum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.training.setup import TrainingSetup


class Schedule(Protocol):
    """Rate and momentum as functions of the step: `OneCycle`, `SteeredCycle`."""

    def values_at(self, step: int) -> tuple[float, float]:
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
        self._parts = [
            (group, cycle, get_momentum(group) is not None)
            for group, cycle in zip(setup.optimizer.param_groups, cycles, strict=True)
        ]

    def replace(self, cycles: Sequence[Schedule]) -> None:
        """From now on follow these schedules."""
        self._parts = [
            (group, cycle, has_momentum) for (group, _, has_momentum), cycle in zip(self._parts, cycles, strict=True)
        ]

    def set(self, step: int) -> tuple[float, float | None]:
        """Set what the schedules say for a step; returns the highest rate and the momentum (None if not cycled)."""
        highest, cycled = 0.0, None
        for group, cycle, has_momentum in self._parts:
            lr, momentum = cycle.values_at(step)
            highest = max(lr, highest)
            set_lr(group, lr)
            if has_momentum:
                cycled = momentum
                set_momentum(group, momentum)
        return highest, cycled
