"""One-cycle training: warm-up to a peak rate, annealing far below the start; the optimizer's groups left as found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lr_magic.pure.errors import SettingError
from lr_magic.pure.fit_history import FitHistory
from lr_magic.pure.schedules import OneCycle
from lr_magic.training.batches import length_of
from lr_magic.training.cycle_run import CycleRun
from lr_magic.training.endings import attach_result, detail_of, reason_of
from lr_magic.training.interrupts import InterruptGate
from lr_magic.training.param_groups import GroupValues
from lr_magic.training.setup import refuse_misplaced_model
from lr_magic.training.validation import TrainingFlags

if TYPE_CHECKING:
    from collections.abc import Callable

    from lr_magic.pure.control import RunControl
    from lr_magic.pure.records import EpochRecord, StepRecord
    from lr_magic.training.setup import TrainingSetup


def fit_one_cycle(
    setup: TrainingSetup,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    max_lr: float | Sequence[float],
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
    on_step: Callable[[StepRecord], None] | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
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
        Peak learning rate, > 0; one for all param groups, or one per group.
    pct_start, div_factor, final_div_factor, base_momentum, max_momentum
        See `OneCycle`. Momentum (SGD) or beta1 (Adam) is cycled in the groups that use one (not in those at 0).
    on_step
        Called once per optimizer step, in order, possibly some steps late.
    on_epoch
        Called at the end of each epoch.
    control
        Read between steps: Stop ends the training after the step under way, Pause holds it.

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
    total_steps = planned_steps(setup, epochs=epochs, steps=steps)
    cycles = [
        OneCycle(lr, total_steps, pct_start, div_factor, final_div_factor, base_momentum, max_momentum)
        for lr in _peaks(setup, max_lr)
    ]
    refuse_misplaced_model(setup)
    settings = {
        "epochs": epochs,
        "steps": steps,
        "max_lr": [cycle.max_lr for cycle in cycles] if isinstance(max_lr, Sequence) else cycles[0].max_lr,
        "pct_start": pct_start,
        "div_factor": div_factor,
        "final_div_factor": final_div_factor,
        "base_momentum": base_momentum,
        "max_momentum": max_momentum,
    }
    history = FitHistory(planned_steps=total_steps, settings=settings)
    run = CycleRun(setup, cycles, history, on_step=on_step, on_epoch=on_epoch, control=control)
    _drive(setup, run, history)
    return history


def _drive(setup: TrainingSetup, run: CycleRun, history: FitHistory) -> None:
    """Run to the end, and put rates, momenta and flags back on every way out."""
    values, flags = GroupValues(setup.optimizer), TrainingFlags(setup.model)
    try:
        with InterruptGate() as gate:
            try:
                run.run(gate)
            finally:
                gate.lock()
                values.put_back()
                flags.put_back()
    except BaseException as error:
        if history.stop_reason is None:
            history.stop_reason, history.stop_detail = reason_of(error), detail_of(error)
        attach_result(error, history)
        raise


def planned_steps(setup: TrainingSetup, *, epochs: int | None = None, steps: int | None = None) -> int:
    """Length of a training in optimizer steps, from its length in epochs or steps.

    Raises
    ------
    SettingError
        If not exactly one of the two is given, or the loader does not say how long an epoch is.
    """
    if (epochs is None) == (steps is None):
        raise SettingError(f"Give either epochs or steps; got epochs={epochs} and steps={steps}.")
    for name, value in (("epochs", epochs), ("steps", steps)):
        if value is not None and value < 1:
            raise SettingError(f"{name} must be at least 1; got {value}.")
    if steps is not None:
        return steps
    num_batches = length_of(setup.train_loader)
    if num_batches is None:
        raise SettingError(
            "The training loader does not say how long it is: give steps, the number of optimizer steps."
        )
    if setup.owns_step:
        raise SettingError("Only the step itself knows when it steps: give steps, the number of optimizer steps.")
    if num_batches == 0:
        raise SettingError("The training loader has length 0. Is its dataset empty?")
    steps_per_epoch = -(-num_batches // setup.accumulate)
    return (epochs or 0) * steps_per_epoch


def _peaks(setup: TrainingSetup, max_lr: float | Sequence[float]) -> list[float]:
    num_groups = len(setup.optimizer.param_groups)
    if not isinstance(max_lr, Sequence):
        return [float(max_lr)] * num_groups
    if len(max_lr) != num_groups:
        raise SettingError(
            f"max_lr must be one number or one per param group; got {len(max_lr)} for {num_groups} groups."
        )
    return [float(lr) for lr in max_lr]
