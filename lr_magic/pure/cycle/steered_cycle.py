"""A one-cycle schedule that can be changed on the way: annealed at once, made longer, lowered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lr_magic.pure.cycle.cycle_pieces import CoolingPiece, CyclePiece
from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.fit_event import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lr_magic.pure.cycle.cycle_pieces import Piece
    from lr_magic.pure.results.fit_event import FitEvent
    from lr_magic.pure.schedules import OneCycle, Values

# Share of the whole training that a cooling down needs to end as low as a planned one: Hägele et al. 2024,
# "Scaling laws and compute-optimal training beyond fixed training durations", arXiv 2405.18392.
_COOLING_SHARE = 0.2


@dataclass(frozen=True)
class SteeredCycle:
    """One-cycle as planned, with what was changed on the way; a change makes a new one and leaves past steps alone.

    Without a change its values are those of the `OneCycle`, to the last digit.

    Attributes
    ----------
    cycle
        The cycle as planned.
    total_steps
        Length of the training as it stands now.
    pieces
        Parts of the schedule in the order of their first steps.

    Examples
    --------
    >>> from lr_magic.pure.schedules import OneCycle
    >>> steered = SteeredCycle.of(OneCycle(max_lr=1.0, total_steps=100)).annealed(40, num_steps=10)
    >>> steered.total_steps, steered.lr_at(49) == steered.cycle.final_lr
    (50, True)
    """

    cycle: OneCycle
    total_steps: int
    pieces: tuple[Piece, ...]

    @classmethod
    def of(cls, cycle: OneCycle, events: Iterable[FitEvent] = ()) -> SteeredCycle:
        """Take a cycle, and do to it again what was done before."""
        steered = cls(cycle, cycle.total_steps, (CyclePiece(cycle),))
        for event in events:
            steered = steered.after(event)
        return steered

    def values_at(self, step: int) -> Values:
        """Learning rate and momentum (SGD) or beta1 (Adam) of a step, 0 <= step < total_steps."""
        return self._piece_at(step).values_at(step)

    def values_before(self, step: int) -> Values:
        """Learning rate and momentum that a step follows on: of the step before, unless they were lowered since."""
        return self._piece_at(step).values_before(step)

    @property
    def is_as_planned(self) -> bool:
        """Whether nothing was changed."""
        return len(self.pieces) == 1 and self.pieces[0] == CyclePiece(self.cycle)

    def lr_at(self, step: int) -> float:
        """Learning rate of a step."""
        return self.values_at(step)[0]

    def momentum_at(self, step: int) -> float:
        """Momentum of a step."""
        return self.values_at(step)[1]

    @property
    def final_lr(self) -> float:
        """Learning rate of the last step."""
        return self.lr_at(self.total_steps - 1)

    def sampled(self, max_points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps, learning rates and momenta to draw it by: at most `max_points` >= 2 steps, both ends among them."""
        steps = np.unique(np.linspace(0, self.total_steps - 1, min(self.total_steps, max_points)).astype(int))
        lrs, momenta = np.array([self.values_at(int(step)) for step in steps]).T
        return steps, lrs, momenta

    def after(self, event: FitEvent) -> SteeredCycle:
        """Schedule after an event; events that do not concern it change nothing."""
        amount = event.amount if event.amount is not None else 0.0
        if event.kind is EventKind.ANNEALED:
            return self.annealed(event.step, int(amount))
        if event.kind is EventKind.EXTENDED:
            return self.extended(event.step, int(amount))
        if event.kind is EventKind.PEAK_LOWERED:
            return self.lowered(event.step, amount)
        return self

    def annealed(self, step: int, num_steps: int) -> SteeredCycle:
        """Replace the rest by the cooling part: from the rate of the step before down to the final rate.

        What was lowered at that very step begins lower.

        Parameters
        ----------
        step
            First step of the cooling, 0 <= step < total_steps.
        num_steps
            Its length, >= 1.
        """
        self._check_step(step)
        if num_steps < 1:
            raise SettingError(f"Annealing needs at least 1 step; got {num_steps}.")
        share = self.final_lr / self.cycle.final_lr  # a lowered cycle ends lower, too
        end = self.cycle.final_lr * share if share != 1.0 else self.cycle.final_lr, self.cycle.max_momentum
        piece = CoolingPiece(self.cycle.annealing, step, num_steps, self.values_before(step), end)
        return self._with(piece, step + num_steps)

    def extended(self, step: int, num_steps: int) -> SteeredCycle:
        """Stretch the rest so that the training is longer by some steps: no jump, and the same final rate."""
        self._check_step(step)
        if num_steps < 1:
            raise SettingError(f"Extending needs at least 1 step; got {num_steps}.")
        new_end = self.total_steps + num_steps
        return self._with(self._piece_at(step).stretched(step, new_end), new_end)

    def lowered(self, step: int, factor: float) -> SteeredCycle:
        """Divide all rates from a step on by `factor` > 1."""
        self._check_step(step)
        if not factor > 1:
            raise SettingError(f"A peak is lowered by a factor above 1; got {factor:g}.")
        return self._with(self._piece_at(step).lowered(step, factor), self.total_steps)

    def _with(self, piece: Piece, total_steps: int) -> SteeredCycle:
        kept = tuple(known for known in self.pieces if known.first < piece.first)
        return SteeredCycle(self.cycle, total_steps, (*kept, piece))

    def _piece_at(self, step: int) -> Piece:
        self._check_step(step)
        newest = self.pieces[-1]
        return newest if newest.first <= step else next(p for p in reversed(self.pieces) if p.first <= step)

    def _check_step(self, step: int) -> None:
        if not 0 <= step < self.total_steps:
            raise SettingError(f"step must be between 0 and {self.total_steps - 1}; got {step}.")


def cooling_steps(num_made: int, total_steps: int) -> int:
    """Steps to cool down over where none are given: a fifth of the training so shortened, at most what is left.

    Examples
    --------
    >>> cooling_steps(400, 1000), cooling_steps(950, 1000), cooling_steps(0, 1000)
    (100, 50, 1)
    """
    wanted = round(num_made * _COOLING_SHARE / (1 - _COOLING_SHARE))
    return max(1, min(wanted, total_steps - num_made))
