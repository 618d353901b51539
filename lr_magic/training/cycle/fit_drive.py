"""One training from its plan to its end: everything that is to be put back is, on every way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lr_magic.pure.results.fit_event import EventKind
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.cycle.best_epoch import BestEpoch
from lr_magic.training.cycle.blow_up_guard import LastGood
from lr_magic.training.cycle.cycle_course import CycleCourse
from lr_magic.training.cycle.cycle_length import steps_per_epoch
from lr_magic.training.cycle.cycle_run import CycleRun
from lr_magic.training.cycle.weight_decay import WeightDecay
from lr_magic.training.endings import attach_result, detail_of, reason_of
from lr_magic.training.interrupts import InterruptGate
from lr_magic.training.param_groups import GroupValues
from lr_magic.training.resuming.checkpointing import Checkpointing
from lr_magic.training.update import with_scaler
from lr_magic.training.validation import TrainingFlags

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from lr_magic.pure.control import RunControl
    from lr_magic.pure.results.fit_event import FitEvent
    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.pure.results.records import EpochRecord, StepRecord
    from lr_magic.training.cycle.fit_plan import FitPlan
    from lr_magic.training.setup import TrainingSetup


@dataclass(frozen=True)
class FitOptions:
    """What is done beside the training; see `fit_one_cycle`."""

    roll_back: bool | None = None
    restore_best: bool = False
    checkpoint: str | os.PathLike[str] | None = None
    checkpoint_seconds: float = 60.0


@dataclass(frozen=True)
class FitCallbacks:
    """Who is told, and who is listened to; see `fit_one_cycle`."""

    on_step: Callable[[StepRecord], None] | None = None
    on_epoch: Callable[[EpochRecord], None] | None = None
    on_event: Callable[[FitEvent], None] | None = None
    control: RunControl | None = None


def drive(setup: TrainingSetup, plan: FitPlan, options: FitOptions, callbacks: FitCallbacks) -> FitHistory:
    """Train by a plan; rates, momenta, weight decay, layout and flags are put back on every way out."""
    history, setup = plan.history, with_scaler(setup)
    values, flags = GroupValues(setup.optimizer), TrainingFlags(setup.model)
    try:
        with InterruptGate() as gate:
            gate.lock()
            decay = WeightDecay(setup.optimizer, plan.weight_decay)
            layout = plan.peaks.split()
            try:
                plan.load(setup)
                gate.open()
                _train(setup, plan, options, callbacks, gate)
            finally:
                gate.lock()
                layout.put_back()
                decay.put_back()
                values.put_back()
                flags.put_back()
    except BaseException as error:
        if history.stop_reason is None:
            history.stop_reason, history.stop_detail = reason_of(error), detail_of(error)
        attach_result(error, history)
        raise
    return history


def _train(
    setup: TrainingSetup, plan: FitPlan, options: FitOptions, callbacks: FitCallbacks, gate: InterruptGate
) -> None:
    history, control = plan.history, callbacks.control
    course = CycleCourse(
        setup, plan.cycles, history, steps_per_epoch=steps_per_epoch(setup), on_event=callbacks.on_event
    )
    best = BestEpoch(setup) if options.restore_best else None
    saving = Checkpointing(setup, history, options.checkpoint, options.checkpoint_seconds)

    def end_epoch(record: EpochRecord) -> None:
        if best is not None:
            best.take(record)
        # One that ends within an epoch goes on there, though the part is validated and recorded; it is saved below.
        if history.stop_reason in (None, StopReason.COMPLETED):
            with gate.shut_meanwhile():  # within torch.save an interrupt comes out as an error of another kind
                saving.save(run.point)
        if callbacks.on_epoch is not None:
            callbacks.on_epoch(record)

    keeps_good = options.roll_back or (options.roll_back is None and control is not None)
    run = CycleRun(
        setup,
        course,
        history,
        start=plan.start,
        last_good=LastGood(setup) if keeps_good else None,
        rolls_back=bool(options.roll_back),
        on_step=callbacks.on_step,
        on_epoch=end_epoch,
        control=control,
        between_steps=None if options.checkpoint is None else lambda: saving.save_if_due(run.point),
    )
    if plan.start is not None:
        course.resume_at(plan.start.num_made)
    try:
        run.run(gate)
    except BaseException:
        gate.lock()
        saving.save(lambda: history.resume_point)
        raise
    gate.lock()
    if best is not None and best.put_back():
        course.note(EventKind.RESTORED_BEST, f"took back the weights of epoch {best.epoch}, the best one")
    saving.save(lambda: history.resume_point or run.point())
