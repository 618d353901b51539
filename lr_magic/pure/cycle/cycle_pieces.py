"""Pieces of a schedule: a part of the planned cycle, and a cooling down from where it stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from lr_magic.pure.schedules import ANNEALINGS

if TYPE_CHECKING:
    from lr_magic.pure.schedules import OneCycle, Values

# Positions nearer to the last one than this, in steps, are the last one.
_ROUNDING = 1e-6


class Piece(Protocol):
    """Part of a schedule, from its first step on."""

    @property
    def first(self) -> int:
        """First step that it covers."""

    def values_at(self, step: int) -> Values:
        """Learning rate and momentum of a step."""

    def values_before(self, step: int) -> Values:
        """Learning rate and momentum that a step follows on: what the step before has, or would have had."""

    def stretched(self, step: int, new_end: int) -> Piece:
        """Let what remains from `step` on end at `new_end`, longer than it was."""

    def lowered(self, step: int, factor: float) -> Piece:
        """Divide the rates from `step` on."""


@dataclass(frozen=True)
class CyclePiece:
    """Part of the planned cycle, from a position on, at a speed, at a share of its rates."""

    cycle: OneCycle
    first: int = 0
    position: float = 0.0
    speed: float = 1.0
    share: float = 1.0

    def values_at(self, step: int) -> Values:
        """Learning rate and momentum of a step."""
        return self._values_at_position(self._position_at(step))

    def values_before(self, step: int) -> Values:
        """Learning rate and momentum that a step follows on; those of the first step follow on themselves."""
        return self._values_at_position(max(self._position_at(step - 1), 0.0))

    def stretched(self, step: int, new_end: int) -> CyclePiece:
        """Walk through the rest of the cycle more slowly, beginning where it stands."""
        position = self._position_at(step)
        left = self.cycle.total_steps - 1 - position
        return replace(self, first=step, position=position, speed=left / max(new_end - 1 - step, 1))

    def lowered(self, step: int, factor: float) -> CyclePiece:
        """Go on at a smaller share of the rates."""
        return replace(self, first=step, position=self._position_at(step), share=self.share / factor)

    def _values_at_position(self, position: float) -> Values:
        lr, momentum = self.cycle.values_at(position)
        return lr * self.share, momentum

    def _position_at(self, step: int) -> float:
        position = self.position + (step - self.first) * self.speed
        last = self.cycle.total_steps - 1
        # The last step is the last position to the last digit, however the speed was rounded.
        return last if position > last - _ROUNDING else position


@dataclass(frozen=True)
class CoolingPiece:
    """Annealing from the values of the step before down to the final rate."""

    annealing: str
    first: int
    num_steps: int
    start: Values
    end: Values

    def values_at(self, step: int) -> Values:
        """Learning rate and momentum of a step; the last one has the final rate exactly."""
        fraction = min((step - self.first + 1) / self.num_steps, 1.0)
        return self.end if fraction == 1.0 else ANNEALINGS[self.annealing](self.start, self.end, fraction)

    def values_before(self, step: int) -> Values:
        """Learning rate and momentum that a step follows on."""
        return self.values_at(step - 1) if step > self.first else self.start

    def stretched(self, step: int, new_end: int) -> CoolingPiece:
        """Cool down from here over more steps."""
        return replace(self, first=step, num_steps=new_end - step, start=self.values_before(step))

    def lowered(self, step: int, factor: float) -> CoolingPiece:
        """Cool down from a lower rate to a lower one."""
        lr, momentum = self.values_before(step)
        left = self.first + self.num_steps - step
        end = self.end[0] / factor, self.end[1]
        return replace(self, first=step, num_steps=left, start=(lr / factor, momentum), end=end)
