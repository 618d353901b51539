"""What a training is going to do, checked before anything is touched: peaks, schedules, length, where to go on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.fit_history import FitHistory
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.pure.schedules import OneCycle
from lr_magic.training.cycle.cycle_length import planned_steps
from lr_magic.training.group_numbers import set_counts
from lr_magic.training.layers.group_peaks import GroupPeaks
from lr_magic.training.resuming.checkpoint import read_checkpoint
from lr_magic.training.resuming.saved_training import history_of, load_training, refuse_other_training

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from lr_magic.training.restoring.saved_random import Content
    from lr_magic.training.resuming.resume_point import ResumePoint
    from lr_magic.training.setup import TrainingSetup

Shape = tuple[float, float, float, float, float]
"""The shape of a cycle: what stands in `_SHAPE`, in that order."""

_SHAPE = ("pct_start", "div_factor", "final_div_factor", "base_momentum", "max_momentum")


@dataclass(frozen=True)
class FitPlan:
    """A training that may begin.

    Attributes
    ----------
    peaks
        Peak rate of each param group.
    cycles
        Schedule of each param group, as planned in the beginning.
    history
        To be filled; holds what was done before where a training goes on.
    weight_decay
        For the time of the training, or None.
    start
        Where to go on, or None.
    content
        Checkpoint to be loaded first, or None.
    """

    peaks: GroupPeaks
    cycles: tuple[OneCycle, ...]
    history: FitHistory
    weight_decay: float | None = None
    start: ResumePoint | None = None
    content: Content | None = None

    def load(self, setup: TrainingSetup) -> None:
        """Write the checkpoint, if there is one, the optimizer's counts and the scaler's state into the setup."""
        if self.content is not None:
            load_training(setup, self.content)
        if self.start is None:
            return
        set_counts(setup.optimizer, self.start.counts)
        if self.start.scaler and setup.scaler is not None:
            setup.scaler.load_state_dict(self.start.scaler)


def new_plan(
    setup: TrainingSetup,
    *,
    epochs: int | None,
    steps: int | None,
    max_lr: float | Sequence[float] | slice | None,
    shape: Shape,
    weight_decay: float | None = None,
) -> FitPlan:
    """Plan a training from its settings.

    Raises
    ------
    SettingError
        For the first one that is out of its range.
    """
    if max_lr is None:
        raise SettingError("Which peak learning rate? Give max_lr, for example the lr of a range test.")
    if weight_decay is not None and not 0 <= weight_decay < math.inf:
        raise SettingError(f"weight_decay must be a finite number, at least 0; got {weight_decay:g}.")
    total_steps = planned_steps(setup, epochs=epochs, steps=steps)
    peaks = GroupPeaks(setup, max_lr)
    settings = {
        "epochs": epochs,
        "steps": steps,
        "total_steps": total_steps,
        "max_lr": peaks.lrs[0] if len(set(peaks.lrs)) == 1 else peaks.lrs,
        "max_lr_as_given": _plain(max_lr),
        **dict(zip(_SHAPE, shape, strict=True)),
        "weight_decay": weight_decay,
        "num_frozen": sum(not p.requires_grad for p in setup.model.parameters()),
    }
    history = FitHistory(planned_steps=total_steps, settings=settings)
    return FitPlan(peaks, _cycles(peaks, total_steps, shape), history, weight_decay)


def resumed_plan(
    setup: TrainingSetup, resume: FitHistory | str | os.PathLike[str], *, given: Mapping[str, object]
) -> FitPlan:
    """Plan to go on with a training, from its history or its checkpoint.

    Raises
    ------
    SettingError
        If there is nothing to go on with, it does not fit the setup, or a setting of its was given anew.
    """
    for name, value in given.items():
        if value is not None:
            raise SettingError(f"A resumed training keeps its {name}; leave it out, or begin a new one without resume.")
    content = None if isinstance(resume, FitHistory) else read_checkpoint(resume)
    before = resume if isinstance(resume, FitHistory) else history_of(content or {})
    point: ResumePoint | None = before.resume_point
    if point is None or (content is not None and before.stop_reason is StopReason.COMPLETED):
        is_whole = before.stop_reason is StopReason.COMPLETED
        end = "ran to its end" if is_whole else "was ended before its first step"
        raise SettingError(f"There is nothing to resume: that training {end}. Begin a new one without resume.")
    if not point.is_of(setup.model):
        raise SettingError("That training was of another model object. Give its checkpoint, or begin a new training.")
    if content is not None:
        refuse_other_training(setup, content)
    settings = before.settings
    peaks = GroupPeaks(setup, _given(settings["max_lr_as_given"]))
    shape: Shape = tuple(settings[name] for name in _SHAPE)
    total_steps = planned_steps(setup, epochs=settings["epochs"], steps=settings["steps"])
    if total_steps != settings["total_steps"]:
        raise SettingError(
            f"That training was planned for {settings['total_steps']} steps; with this loader it would have "
            f"{total_steps}. Give it a loader of the same length, or begin a new training without resume."
        )
    history = replace(
        before,
        steps=before.steps[: point.num_made],
        epochs=before.epochs[: point.num_epochs],
        events=list(before.events),
        stop_reason=None,
        stop_detail="",
        resume_point=point,
    )
    return FitPlan(peaks, _cycles(peaks, total_steps, shape), history, settings["weight_decay"], point, content)


def _cycles(peaks: GroupPeaks, total_steps: int, shape: Shape) -> tuple[OneCycle, ...]:
    return tuple(OneCycle(lr, total_steps, *shape) for lr in peaks.lrs)


def _plain(max_lr: Any) -> Any:
    """What was given as `max_lr`, as JSON knows it."""
    if isinstance(max_lr, slice):
        return {"low": None if max_lr.start is None else float(max_lr.start), "high": float(max_lr.stop)}
    return [float(lr) for lr in max_lr] if isinstance(max_lr, Sequence) else float(max_lr)


def _given(max_lr: Any) -> Any:
    return slice(max_lr["low"], max_lr["high"]) if isinstance(max_lr, dict) else max_lr
