"""A one-cycle training under way: steps, epochs, records."""

from __future__ import annotations

import weakref
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lr_magic.pure.control import RollBack
from lr_magic.pure.results.records import StepRecord
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.batches import BatchSource, EndOfBatches
from lr_magic.training.cycle.blow_up_guard import BlowUpGuard
from lr_magic.training.cycle.epoch_tally import EpochTally
from lr_magic.training.endings import detail_of, reason_of
from lr_magic.training.frozen_heap import frozen_heap
from lr_magic.training.group_numbers import counts_of
from lr_magic.training.loss_fetching import fetcher_for
from lr_magic.training.optimizer_mode import put_in_training
from lr_magic.training.resuming.resume_point import PassMarks, ResumePoint
from lr_magic.training.steering import Steering
from lr_magic.training.step import StepOutcome, StepRunner
from lr_magic.training.validation import validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from lr_magic.pure.control import RunControl
    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.pure.results.records import EpochRecord
    from lr_magic.training.cycle.blow_up_guard import LastGood
    from lr_magic.training.cycle.cycle_course import CycleCourse
    from lr_magic.training.interrupts import InterruptGate
    from lr_magic.training.setup import TrainingSetup


class CycleRun:
    """Trains for one cycle and fills a history.

    Parameters
    ----------
    setup
        What is trained.
    course
        Rates and length of the training.
    history
        Filled as the losses arrive.
    start, last_good, rolls_back, on_step, on_epoch, control
        As for `FitPlan`, `BlowUpGuard` and `fit_one_cycle`.
    between_steps
        Called after each whole step.
    """

    def __init__(
        self,
        setup: TrainingSetup,
        course: CycleCourse,
        history: FitHistory,
        *,
        start: ResumePoint | None = None,
        last_good: LastGood | None = None,
        rolls_back: bool = False,
        on_step: Callable[[StepRecord], None] | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        control: RunControl | None = None,
        between_steps: Callable[[], None] | None = None,
    ) -> None:
        self._setup = setup
        self._course = course
        self._guard = BlowUpGuard(course, last_good, rolls_back=rolls_back, read_losses=self._read_losses)
        self._history = history
        self._on_step = on_step
        self._on_epoch = on_epoch
        self._between_steps = between_steps
        handlers = {**course.handlers, RollBack: self._guard.roll_back}
        self._steering = Steering(control, handlers, on_held=course.held)
        device = setup.target_device
        self._fetcher = fetcher_for(device)
        self._under_way: deque[tuple[float, float | None]] = deque()
        self._source = BatchSource(setup.train_loader, device)
        self._marks = PassMarks(setup.train_loader, self._source)
        self._start = start
        self._gate = self._guard.gate
        self._tally = EpochTally()

    def run(self, gate: InterruptGate) -> None:
        """Train to the end of the cycle, or until something ends it earlier.

        An interrupt waits until the step under way is whole and noted in the history.
        """
        self._gate = self._guard.gate = gate
        runner = StepRunner(self._setup, gate)
        if not self._setup.model.training:
            self._setup.model.train()
        put_in_training(self._setup.optimizer)
        try:
            self._go_to_start()
            with frozen_heap():
                while not self._is_over():
                    self._step(runner)
                    gate.open()
            is_completed = self._history.stop_reason is StopReason.COMPLETED
            self._history.resume_point = None if is_completed else self.point()
            self._end_epoch()
        except BaseException as error:
            gate.lock()
            self._abort(error)
            raise
        finally:
            self._source.close()

    def point(self) -> ResumePoint:
        """Where the training stands, as of the last whole step."""
        self._read_losses()
        point = ResumePoint(self._course.num_made, len(self._history.epochs), model=weakref.ref(self._setup.model))
        point.samples, point.losses = list(self._tally.samples), list(self._tally.losses)
        point.means = self._tally.means
        point.seconds = self._tally.seconds(self._steering.paused_seconds)
        point.scaler = None if self._setup.scaler is None else dict(self._setup.scaler.state_dict())
        point.counts = counts_of(self._setup.optimizer)
        self._marks.fill(point)
        return point

    def _go_to_start(self) -> None:
        if self._start is None:
            return
        self._marks.go_to(self._start)
        start, self._start = self._start, None
        self._tally = EpochTally(0.0, start.samples, start.losses, start.seconds, start.means)
        if self._marks.has_pass_ended:
            self._end_pass()

    def _is_over(self) -> bool:
        history = self._history
        if history.stop_reason is None:
            history.stop_reason = self._guard.between_steps()
        if history.stop_reason is None and self._course.num_made == self._course.total_steps:
            history.stop_reason = StopReason.COMPLETED
        if history.stop_reason is None and not self._steering.follow():
            history.stop_reason = StopReason.STOPPED
        return history.stop_reason is not None

    def _abort(self, error: BaseException) -> None:
        """Note the losses of all steps made so far, and why the run ends."""
        # Reading may fail for the same reason as the run did: a device in trouble, a callback (it gets each loss once).
        with suppress(Exception):
            self._read_losses()
        with suppress(Exception):
            # On the way to where a training was left, that is still where it stands.
            self._history.resume_point = self._start or self.point()
        self._history.stop_reason, self._history.stop_detail = reason_of(error), detail_of(error)

    def _step(self, runner: StepRunner) -> None:
        self._marks.begin_step()
        values = self._course.set_rates()
        try:
            outcome = runner.run(self._next_batch)
        except EndOfBatches:
            self._end_pass()
            return
        self._course.num_made += 1
        self._marks.end_step()
        self._under_way.append(values)
        self._note(outcome)
        if self._between_steps is not None:
            self._between_steps()
        if self._marks.has_pass_ended:  # within this step, which made do with fewer batches
            self._end_pass()

    def _next_batch(self) -> Any:
        batch = self._marks.next_batch()
        # A loader may hang, a step does not: from its forward pass on, which writes running statistics, it is whole.
        self._gate.shut()
        return batch

    def _note(self, outcome: StepOutcome) -> None:
        self._tally.add(outcome, with_metrics=self._setup.valid_loader is None)
        self._take(self._fetcher.add(outcome.loss))

    def _end_pass(self) -> None:
        self._gate.open()
        self._source.refuse_if_empty()
        if self._tally.samples:
            self._end_epoch()
        else:
            self._history.stop_reason = StopReason.OUT_OF_BATCHES

    def _take(self, losses: list[float]) -> None:
        records = [self._record(loss) for loss in losses]
        if self._on_step is not None:
            for record in records:
                self._on_step(record)

    def _read_losses(self) -> None:
        """Wait for the losses of all steps made so far."""
        with self._gate.shut_meanwhile():  # a loss that has left the fetcher and is in no record yet would be lost
            self._take(self._fetcher.finish())

    def _record(self, loss: float) -> StepRecord:
        record = StepRecord(len(self._history.steps), self._under_way[0][0], loss, self._under_way.popleft()[1])
        self._history.steps.append(record)
        self._tally.losses.append(loss)
        self._guard.take(loss)
        return record

    def _end_epoch(self) -> None:
        """Close the epoch under way, if it has a step: validate and record."""
        if not self._tally.samples:
            return
        self._read_losses()
        if self._setup.valid_loader is not None:
            self._marks.begin_validation()
            # A schedule-free optimizer makes the weights to be looked at by its momentum.
            self._course.set_last_rates()
        validated = validate(self._setup)
        record = self._tally.record(len(self._history.epochs) + 1, validated, self._steering.paused_seconds)
        with self._gate.shut_meanwhile():  # an epoch is recorded and over, or neither
            self._history.epochs.append(record)
            self._marks.end_pass()
            self._tally = EpochTally(self._steering.paused_seconds)
        if self._on_epoch is not None:
            self._on_epoch(record)
