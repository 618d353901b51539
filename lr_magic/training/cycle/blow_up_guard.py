"""When a training blows up: the last good point is kept, and gone back to where that is wanted."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from lr_magic.pure.control import RollBack
from lr_magic.pure.cycle.blow_up import BlowUpWatch
from lr_magic.pure.results.fit_event import EventKind
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.interrupts import InterruptGate
from lr_magic.training.resuming.training_state import TrainingState, fits_in_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from lr_magic.training.cycle.cycle_course import CycleCourse
    from lr_magic.training.setup import TrainingSetup

# A copy is made at most this often, and so seldom that copying takes a fiftieth of the time.
_LEAST_SECONDS = 0.5
_COPY_SHARE = 0.02
# Where a step takes long, so that a spike is seen before two copies have been made after it began.
_FEWEST_STEPS = 5
# A training that blows up at a hundredth of its rates blows up for another reason.
_MOST_ROLL_BACKS = 4
_FACTOR = RollBack().factor


class LastGood:
    """The state of the training at its last good point: one that a whole interval without trouble has followed.

    Parameters
    ----------
    setup
        Whose state is kept.
    clock
        Seconds, for tests.
    """

    def __init__(self, setup: TrainingSetup, clock: Callable[[], float] = time.perf_counter) -> None:
        self._setup = setup
        self._clock = clock
        self._good: tuple[int, TrainingState] | None = None
        self._newest: tuple[int, TrainingState] | None = None
        self._due = clock()

    def is_due(self, num_made: int) -> bool:
        """Whether it is time to keep the state after a step."""
        steps_since = num_made - self._newest[0] if self._newest is not None else _FEWEST_STEPS
        return self._clock() >= self._due and steps_since >= _FEWEST_STEPS

    def keep(self, num_made: int) -> None:
        """Keep the state after a step, where nothing bad has been seen up to it."""
        begin = self._clock()
        if self._newest is None and not fits_in_memory(self._setup, num_copies=3):
            self._due = math.inf
            return
        self._good = self._newest
        self._newest = num_made, TrainingState(self._setup)
        now = self._clock()
        self._due = now + max(_LEAST_SECONDS, (now - begin) / _COPY_SHARE)

    def put_back(self) -> int:
        """Take the weights and the optimizer's state of the last good point; returns the number of steps made then."""
        num_made, state = self._good or self._newest or (0, None)
        if state is not None:
            state.put_back()
            self._newest, self._good = (num_made, state), None
        return num_made


class BlowUpGuard:
    """Watches the losses, keeps the last good point, and goes back to it.

    Parameters
    ----------
    course
        Where the training stands; gets the events.
    last_good
        None keeps nothing: a blow-up is noted, and losses that are no numbers end the training.
    rolls_back
        True: goes back by itself, to lower rates; False: on `control.roll_back()`, and where the training is over since
        its losses are no numbers any more, so that the weights are good for something.
    read_losses
        Waits for the losses of all steps made, and gives each to `take`.
    """

    def __init__(
        self, course: CycleCourse, last_good: LastGood | None, *, rolls_back: bool, read_losses: Callable[[], None]
    ) -> None:
        self.gate = InterruptGate()
        self._course = course
        self._read_losses = read_losses
        self._last_good = last_good
        self._watch = BlowUpWatch()
        self._found: StopReason | None = None
        self._num_left = _MOST_ROLL_BACKS if rolls_back else 0

    def take(self, loss: float) -> None:
        """Take in a loss."""
        self._found = self._watch.update(loss) or self._found

    def between_steps(self) -> StopReason | None:
        """Act on what was seen; NON_FINITE where the training has to end."""
        if self._found is None and self._last_good is not None:
            self._keep_up(self._last_good)
        found, self._found = self._found, None
        if found is None:
            return None
        if self._last_good is not None and self._num_left > 0:
            self._num_left -= 1
            self.roll_back(RollBack(_FACTOR))
            return None
        return self._report(found)

    def _keep_up(self, last_good: LastGood) -> None:
        """Keep the state, if it is time for that and all losses up to here are known to be calm."""
        num_made = self._course.num_made
        if not self._watch.is_calm or not last_good.is_due(num_made):
            return
        self._read_losses()  # a copy waits for the device anyway
        if self._found is None and self._watch.is_calm:
            last_good.keep(num_made)

    def roll_back(self, command: RollBack) -> None:
        """Take the weights of the last good point and lower the rates; without one, lower the rates alone."""
        self._read_losses()  # those under way are of the weights that are left behind
        self.gate.lock()  # half of the weights put back would be worse than all or none
        if self._last_good is not None:
            step = self._last_good.put_back()
            self._course.note(EventKind.ROLLED_BACK, f"took back the weights of step {step}, the last good point", step)
        self._watch.forget_spike()
        self._found = None
        self._course.lower(command.factor)
        self.gate.open()

    def _report(self, found: StopReason) -> StopReason | None:
        made = self._course.num_made
        if found is StopReason.DIVERGED:
            way_out = ": go back and lower the rates?" if self._last_good is not None else ""
            self._course.note(EventKind.BLEW_UP, f"the loss blew up before step {made}{way_out}")
            return None
        self._course.note(EventKind.BLEW_UP, f"the loss was no number any more before step {made}")
        if self._last_good is not None:
            self.roll_back(RollBack(_FACTOR))
        return StopReason.NON_FINITE
