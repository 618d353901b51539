"""The schedules of a training as they stand now, and the commands that change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lr_magic.pure.control import Anneal, Extend, LowerPeak
from lr_magic.pure.cycle.steered_cycle import SteeredCycle, cooling_steps
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.results.fit_event import EventKind, FitEvent
from lr_magic.training.cycle.cycle_rates import CycleRates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.pure.schedules import OneCycle
    from lr_magic.training.setup import TrainingSetup


class CycleCourse:
    """Where a training stands in its cycle: steps made, rates to come, and what was done to them.

    Parameters
    ----------
    setup
        Whose optimizer's groups are set.
    cycles
        One planned cycle per param group, all of one length.
    history
        Gets an event for each change; those it has already are followed.
    steps_per_epoch
        Optimizer steps of a pass over the loader; None where it does not say, so that the passes made tell.
    on_event
        Called with each event.
    """

    def __init__(
        self,
        setup: TrainingSetup,
        cycles: Sequence[OneCycle],
        history: FitHistory,
        *,
        steps_per_epoch: int | None = None,
        on_event: Callable[[FitEvent], None] | None = None,
    ) -> None:
        self._schedules = [SteeredCycle.of(cycle, history.events) for cycle in cycles]
        self._highest = max(range(len(cycles)), key=lambda i: cycles[i].max_lr)
        self._rates = CycleRates(setup, self._as_functions())
        self._history = history
        self._steps_per_epoch = steps_per_epoch
        self._on_event = on_event
        self.num_made = 0

    @property
    def total_steps(self) -> int:
        """Length of the training as it stands now."""
        return self._schedules[0].total_steps

    @property
    def handlers(self) -> dict[type, Callable[[Any], None]]:
        """Type of command to what is done about it."""
        return {Anneal: self._anneal, Extend: self._extend, LowerPeak: lambda command: self.lower(command.factor)}

    def set_rates(self) -> tuple[float, float | None]:
        """Set rate and momentum of the coming step; returns the highest rate and the momentum."""
        return self._rates.set(self.num_made)

    def set_last_rates(self) -> None:
        """Set rate and momentum of the last step again."""
        self._rates.set(self.num_made - 1)

    def note(self, kind: EventKind, sentence: str, amount: float | None = None) -> None:
        """Record an event, and let the schedules follow it."""
        event = FitEvent(self.num_made, kind, sentence, amount)
        self._schedules = [schedule.after(event) for schedule in self._schedules]
        self._rates.replace(self._as_functions())
        self._history.events.append(event)
        self._history.planned_steps = self.total_steps
        if self._on_event is not None:
            self._on_event(event)

    def resume_at(self, num_made: int) -> None:
        """Go on after steps that were made before."""
        self.num_made = num_made
        self.note(EventKind.RESUMED, f"resumed at step {num_made}")

    def held(self, seconds: float) -> None:
        """Record a pause that has ended."""
        self.note(EventKind.PAUSED, f"paused for {seconds:.3g} s before step {self.num_made}", seconds)

    def lower(self, factor: float) -> None:
        """Divide the rates from the coming step on."""
        if self._is_at_end or factor == 1:
            return
        before = self._schedules[self._highest].lr_at(self.num_made)
        rates = f"{lr_text(before)} → {lr_text(before / factor)}"
        self.note(
            EventKind.PEAK_LOWERED, f"rates divided by {factor:.3g} from step {self.num_made} on: {rates}", factor
        )

    def _anneal(self, command: Anneal) -> None:
        if self._is_at_end:
            return
        num_steps = command.steps or cooling_steps(self.num_made, self.total_steps)
        schedule = self._schedules[self._highest]
        lr, final_lr = schedule.values_before(self.num_made)[0], schedule.final_lr
        what = f"annealed from step {self.num_made} on: {lr_text(lr)} → {lr_text(final_lr)} over {num_steps} steps"
        self.note(EventKind.ANNEALED, what, num_steps)

    def _extend(self, command: Extend) -> None:
        epochs = self._history.epochs
        in_epoch = self._steps_per_epoch or (epochs[-1].num_steps if epochs else self.num_made)
        num_steps = command.steps or round(command.epochs * in_epoch)
        if self._is_at_end or num_steps < 1:
            return
        longer = f"{self.total_steps} → {self.total_steps + num_steps} steps"
        self.note(EventKind.EXTENDED, f"made longer at step {self.num_made}: {longer}", num_steps)

    def _as_functions(self) -> list[OneCycle | SteeredCycle]:
        # A planned cycle answers ten times faster by itself, and is asked twice per group and step.
        return [schedule.cycle if schedule.is_as_planned else schedule for schedule in self._schedules]

    @property
    def _is_at_end(self) -> bool:
        return self.num_made >= self.total_steps
