"""One trial of a comparison under way: its losses, and whether it is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from lr_magic.pure.control import RunControl, Stop
from lr_magic.pure.results.records import StepRecord
from lr_magic.pure.results.stop_reason import StopReason

if TYPE_CHECKING:
    from lr_magic.pure.control import Command
    from lr_magic.pure.results.comparison_result import Trial

OnTrialStep = Callable[[float, StepRecord], None]

# From this share of its steps on a trial is held against the best one so far.
_JUDGED_FROM = 0.5
# A lower rate is slower, and may catch up; one that has fallen by less than this share of the best one's fall does not.
_LEAST_FALL = 0.25


class TrialWatch(RunControl):
    """Follows a trial's losses and stops it where it is lost; passes on what a person asks."""

    def __init__(
        self, lr: float, rival: Trial | None, steps: int, on_step: OnTrialStep | None, control: RunControl | None
    ) -> None:
        super().__init__()
        self._lr = lr
        self._rival = rival
        self._steps = steps
        self._on_step = on_step
        self._outer = control
        self.losses: list[float] = []
        self.drop_reason: StopReason | None = None
        self.is_stopped_by_person = False

    def receive(self) -> Command | None:
        """Take the next command: the person's, else a stop where the trial is lost."""
        command = self._outer.receive() if self._outer is not None else None
        if isinstance(command, Stop):
            self.is_stopped_by_person = True
        if command is None and self.drop_reason is None and self._is_lost():
            self.drop_reason = StopReason.DIVERGED
            return Stop()
        return command

    def on_step(self, record: StepRecord) -> None:
        """Note a loss and pass it on."""
        self.losses.append(record.loss)
        if self._on_step is not None:
            self._on_step(self._lr, record)

    def _is_lost(self) -> bool:
        """Whether, in the second half, the loss has fallen less than a quarter as far as the rival's has by then."""
        num_seen = len(self.losses)
        if self._rival is None or num_seen < max(10, _JUDGED_FROM * self._steps):
            return False
        start = fmean(self._rival.losses[:3])
        theirs, ours = tail_mean(self._rival.losses[:num_seen]), tail_mean(self.losses)
        return theirs < start and not start - ours >= _LEAST_FALL * (start - theirs)


def tail_mean(losses: Sequence[float]) -> float:
    """Mean of the last tenth, of three losses at least."""
    return fmean(losses[-max(3, len(losses) // 10) :])
