"""One-cycle training: warm-up to a peak rate, annealing far below the start; the optimizer's groups left as found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.training.cycle.cycle_length import planned_steps
from lr_magic.training.cycle.fit_drive import FitCallbacks, FitOptions, drive
from lr_magic.training.cycle.fit_plan import new_plan, resumed_plan
from lr_magic.training.resuming.checkpoint import refuse_bad_place
from lr_magic.training.setup import refuse_misplaced_model, require_positive

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from lr_magic.pure.control import RunControl
    from lr_magic.pure.results.fit_event import FitEvent
    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.pure.results.records import EpochRecord, StepRecord
    from lr_magic.training.setup import TrainingSetup

__all__ = ["fit_one_cycle", "planned_steps"]


def fit_one_cycle(
    setup: TrainingSetup,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    max_lr: float | Sequence[float] | slice | None = None,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
    weight_decay: float | None = None,
    roll_back: bool | None = None,
    restore_best: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 60.0,
    resume: FitHistory | str | os.PathLike[str] | None = None,
    on_start: Callable[[], None] | None = None,
    on_step: Callable[[StepRecord], None] | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    on_event: Callable[[FitEvent], None] | None = None,
    control: RunControl | None = None,
) -> FitHistory:
    """Train `setup.model` in place for one cycle of the learning rate.

    Afterwards the weights and the optimizer's state are trained; rates, momenta and keys of the param groups and the
    train/eval flags are as they were.

    Parameters
    ----------
    setup
        What is trained. With validation data, each epoch ends with a pass over them.
    epochs, steps
        Length, one of the two: passes over the loader, or optimizer steps; >= 1.
    max_lr
        Peak learning rate, > 0: one for all param groups; one per param group or layer group; or ``slice(low, high)``,
        spread over the layer groups from stem to head in equal ratios (see `peak_lrs`, `GroupPeaks`).
    pct_start, div_factor, final_div_factor, base_momentum, max_momentum
        See `OneCycle`. Momentum (SGD) or beta1 (Adam) is cycled in the groups that use one (not in those at 0).
    weight_decay
        For this training in place of the groups' own, >= 0; groups without any, beside others that have some, keep 0.
    roll_back
        What to do when the loss blows up. True: take the weights of the last good point and go on at a third of the
        rates. None: note it, and keep that point for `control.roll_back()` if there is a `control`. False: keep
        nothing.
    restore_best
        End with the weights of the epoch with the lowest validation loss.
    checkpoint
        File that the training is written to: after each epoch, every `checkpoint_seconds`, and in the end.
    resume
        Go on where a training was interrupted or stopped: its history, in the same process, or its checkpoint. Length,
        rates and shape are those of that training, so none may be given.
    on_start
        Called when all settings have been checked and nothing has been touched yet.
    on_step
        Called once per optimizer step, in order, possibly some steps late.
    on_epoch, on_event
        Called at the end of each epoch, and with whatever is done to the cycle on the way.
    control
        Steers the training: followed between two steps (see `RunControl`).

    Raises
    ------
    SettingError
        If a setting is out of its range; nothing has been touched.
    BatchError
        If a loader yields nothing, or something that cannot be trained on.
    BaseException
        Whatever the model, a loader or an interrupt raises; the weights are those of the last whole step, and the
        partial history is its ``lr_magic_result``.
    """
    shape = (pct_start, div_factor, final_div_factor, base_momentum, max_momentum)
    if resume is None:
        plan = new_plan(setup, epochs=epochs, steps=steps, max_lr=max_lr, shape=shape, weight_decay=weight_decay)
    else:
        plan = resumed_plan(setup, resume, given={"epochs": epochs, "steps": steps, "max_lr": max_lr})
    refuse_misplaced_model(setup)
    require_positive("checkpoint_seconds", checkpoint_seconds)
    if checkpoint is not None:
        refuse_bad_place(checkpoint)
    if on_start is not None:
        on_start()
    options = FitOptions(roll_back, restore_best, checkpoint, checkpoint_seconds)
    return drive(setup, plan, options, FitCallbacks(on_step, on_epoch, on_event, control))
