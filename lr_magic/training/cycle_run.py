"""A one-cycle training under way: steps, epochs, records."""

from __future__ import annotations

import math
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from lr_magic.pure.records import EpochRecord, StepRecord
from lr_magic.pure.stop_reason import StopReason
from lr_magic.training.batches import BatchSource, EndOfBatches
from lr_magic.training.endings import detail_of, reason_of
from lr_magic.training.loss_fetching import fetcher_for
from lr_magic.training.param_groups import get_momentum, set_lr, set_momentum
from lr_magic.training.steering import Steering
from lr_magic.training.step import StepOutcome, StepRunner
from lr_magic.training.validation import WeightedMeans, validate, weighted_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lr_magic.pure.control import RunControl
    from lr_magic.pure.fit_history import FitHistory
    from lr_magic.pure.schedules import OneCycle
    from lr_magic.training.interrupts import InterruptGate
    from lr_magic.training.setup import TrainingSetup

# A scaler or the person's own step gets over one bad batch; a dead model yields nothing else any more.
_MOST_NON_FINITE = 3


class CycleRates:
    """Sets rate and momentum of every param group for a step.

    Parameters
    ----------
    setup
        Whose optimizer's groups are set.
    cycles
        One schedule per param group.
    """

    def __init__(self, setup: TrainingSetup, cycles: Sequence[OneCycle]) -> None:
        self._parts = [
            (group, cycle, get_momentum(group) is not None)
            for group, cycle in zip(setup.optimizer.param_groups, cycles, strict=True)
        ]

    def set(self, step: int) -> tuple[float, float | None]:
        """Set what the schedules say for a step; returns the highest rate and the momentum (None if not cycled)."""
        highest, cycled = 0.0, None
        for group, cycle, has_momentum in self._parts:
            lr = cycle.lr_at(step)
            highest = max(lr, highest)
            set_lr(group, lr)
            if has_momentum:
                cycled = cycle.momentum_at(step)
                set_momentum(group, cycled)
        return highest, cycled


class CycleRun:
    """Trains for one cycle and fills a history.

    Parameters
    ----------
    setup
        What is trained.
    cycles
        One schedule per param group, all of one length.
    history
        Filled as the losses arrive.
    on_step, on_epoch, control
        As for `fit_one_cycle`.
    """

    def __init__(
        self,
        setup: TrainingSetup,
        cycles: Sequence[OneCycle],
        history: FitHistory,
        *,
        on_step: Callable[[StepRecord], None] | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        control: RunControl | None = None,
    ) -> None:
        self._setup = setup
        self._total_steps = cycles[0].total_steps
        self._rates = CycleRates(setup, cycles)
        self._history = history
        self._on_step = on_step
        self._on_epoch = on_epoch
        self._steering = Steering(control)
        self._fetcher = fetcher_for(setup.target_device)
        self._under_way: deque[tuple[float, float | None]] = deque()
        self._num_made = 0
        self._num_non_finite = 0
        self._begin_epoch()

    def run(self, gate: InterruptGate) -> None:
        """Train to the end of the cycle, or until something ends it earlier.

        An interrupt waits until the step under way is whole and noted in the history.
        """
        source = BatchSource(self._setup.train_loader, self._setup.target_device)
        runner = StepRunner(self._setup, gate)
        if not self._setup.model.training:
            self._setup.model.train()
        try:
            while not self._is_over():
                self._step(runner, source)
                gate.open()
            self._end_epoch()
        except BaseException as error:
            gate.lock()
            self._abort(error)
            raise
        finally:
            source.close()

    def _is_over(self) -> bool:
        history = self._history
        if history.stop_reason is None and self._num_made == self._total_steps:
            history.stop_reason = StopReason.COMPLETED
        if history.stop_reason is None and not self._steering.follow():
            history.stop_reason = StopReason.STOPPED
        return history.stop_reason is not None

    def _abort(self, error: BaseException) -> None:
        """Note the losses of all steps made so far, and why the run ends."""
        # Reading may fail for the same reason as the run did (a device in trouble, a view's callback).
        with suppress(Exception):
            self._take(self._fetcher.finish())
        self._history.stop_reason, self._history.stop_detail = reason_of(error), detail_of(error)

    def _step(self, runner: StepRunner, source: BatchSource) -> None:
        values = self._rates.set(self._num_made)
        try:
            outcome = runner.run(source.next_in_pass)
        except EndOfBatches:
            self._end_pass(source)
            return
        self._num_made += 1
        self._under_way.append(values)
        self._note(outcome)

    def _note(self, outcome: StepOutcome) -> None:
        self._samples.append(outcome.num_samples)
        if outcome.metrics and self._setup.valid_loader is None:
            self._means.add(outcome.metrics, outcome.num_samples)
        self._take(self._fetcher.add(outcome.loss))

    def _end_pass(self, source: BatchSource) -> None:
        source.refuse_if_empty()
        if self._samples:
            self._end_epoch()
        else:
            self._history.stop_reason = StopReason.OUT_OF_BATCHES

    def _take(self, losses: list[float]) -> None:
        records = [self._record(loss) for loss in losses]
        if self._on_step is not None:
            for record in records:
                self._on_step(record)

    def _record(self, loss: float) -> StepRecord:
        record = StepRecord(len(self._history.steps), self._under_way[0][0], loss, self._under_way.popleft()[1])
        self._history.steps.append(record)
        self._losses.append(loss)
        self._num_non_finite = 0 if math.isfinite(loss) else self._num_non_finite + 1
        if self._num_non_finite == _MOST_NON_FINITE and self._history.stop_reason is None:
            self._history.stop_reason = StopReason.NON_FINITE
        return record

    def _begin_epoch(self) -> None:
        self._begin = time.perf_counter() - self._steering.paused_seconds
        self._samples: list[int] = []
        self._losses: list[float] = []
        self._means = WeightedMeans()

    def _end_epoch(self) -> None:
        """Close the epoch under way, if it has a step: validate and record."""
        if not self._samples:
            return
        self._take(self._fetcher.finish())
        validated = validate(self._setup)
        record = EpochRecord(
            epoch=len(self._history.epochs) + 1,
            train_loss=weighted_mean(self._losses, self._samples),
            valid_loss=None if validated is None else validated[0],
            metrics=self._means.read() if validated is None else validated[1],
            seconds=time.perf_counter() - self._begin - self._steering.paused_seconds,
        )
        self._history.epochs.append(record)
        if self._on_epoch is not None:
            self._on_epoch(record)
        self._begin_epoch()
