"""A look at a training before it begins: the plan, and a few timed steps that are put back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.pure.cycle.fit_preview import FitPreview, GroupPreview
from lr_magic.training.batches import BatchSource, length_of
from lr_magic.training.cycle.cycle_length import steps_per_epoch
from lr_magic.training.cycle.fit_plan import new_plan
from lr_magic.training.layers.group_layout import layer_numbers
from lr_magic.training.layers.layer_groups import find_layer_groups
from lr_magic.training.optimizer_mode import put_in_training
from lr_magic.training.param_groups import get_momentum
from lr_magic.training.restoring.restore import restored
from lr_magic.training.step import StepRunner
from lr_magic.training.validation import TrainingFlags

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lr_magic.training.cycle.fit_plan import FitPlan
    from lr_magic.training.setup import TrainingSetup

# The first step builds the optimizer's state and warms up; the others are timed.
_NUM_TIMED = 4


def preview_fit(
    setup: TrainingSetup,
    *,
    max_lr: float | Sequence[float] | slice,
    epochs: int | None = None,
    steps: int | None = None,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
) -> FitPreview:
    """Say what `fit_one_cycle` would do with these settings; everything is put back.

    Parameters
    ----------
    max_lr, epochs, steps, pct_start, div_factor, final_div_factor, base_momentum, max_momentum
        As for `fit_one_cycle`.

    Raises
    ------
    SettingError
        As `fit_one_cycle` would.
    """
    shape = (pct_start, div_factor, final_div_factor, base_momentum, max_momentum)
    plan = new_plan(setup, epochs=epochs, steps=steps, max_lr=max_lr, shape=shape)
    per_step, per_validation = _timed(setup)
    total_steps, in_epoch = plan.cycles[0].total_steps, steps_per_epoch(setup)
    num_validations = -(-total_steps // in_epoch) if in_epoch else 1
    return FitPreview(
        groups=_groups(setup, plan),
        total_steps=total_steps,
        num_epochs=epochs,
        warm_up_steps=max(int(pct_start * total_steps) - 1, 0),
        seconds_per_step=per_step,
        seconds=per_step * total_steps + per_validation * num_validations,
    )


def _groups(setup: TrainingSetup, plan: FitPlan) -> tuple[GroupPreview, ...]:
    layout = plan.peaks.split()
    try:
        groups = list(setup.optimizer.param_groups)
        numbers = layer_numbers(setup.optimizer)
        labels = [str(i) for i in range(len(groups))]
        if numbers is not None:
            layers = find_layer_groups(setup.model)
            names = {id(p): layer.label for layer in layers for p in layer.parameters}
            labels = [names.get(id(group["params"][0]), labels[i]) for i, group in enumerate(groups)]
        has_momentum = [get_momentum(group) is not None for group in groups]
    finally:
        layout.put_back()
    return tuple(
        GroupPreview(
            label,
            cycle.initial_lr,
            cycle.max_lr,
            cycle.final_lr,
            (cycle.base_momentum, cycle.max_momentum) if cycled else None,
        )
        for label, cycle, cycled in zip(labels, plan.cycles, has_momentum, strict=True)
    )


def _timed(setup: TrainingSetup) -> tuple[float, float]:
    """Seconds of a step and of a validation, from a few that are put back."""
    with restored(setup):
        source = BatchSource(setup.train_loader, setup.target_device)
        runner = StepRunner(setup)
        setup.model.train()
        put_in_training(setup.optimizer)
        try:
            runner.run(source.next)
            per_step = _seconds_each(setup, lambda: runner.run(source.next), _NUM_TIMED)
            per_validation = _validation_seconds(setup)
        finally:
            source.close()
    return per_step, per_validation


def _validation_seconds(setup: TrainingSetup) -> float:
    """Seconds of a validation, from its first batches."""
    if setup.valid_loader is None:
        return 0.0
    source = BatchSource(setup.valid_loader, setup.target_device)
    flags = TrainingFlags(setup.model)
    setup.model.eval()
    try:
        num_batches = length_of(setup.valid_loader) or 1
        with torch.no_grad():
            each = _seconds_each(setup, lambda: setup.compute_loss(source.next()), min(2, num_batches))
        return each * num_batches
    finally:
        flags.put_back()
        source.close()


def _seconds_each(setup: TrainingSetup, make: Callable[[], Any], number: int) -> float:
    _wait(setup)
    begin = time.perf_counter()
    for _ in range(number):
        make()
    _wait(setup)
    return (time.perf_counter() - begin) / number


def _wait(setup: TrainingSetup) -> None:
    """Wait until the device has done what it was given, by reading a number from it: every make can do that."""
    torch.zeros((), device=setup.target_device).item()
