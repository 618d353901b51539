"""What a step uses beside the model (a teacher, a criterion with weights, a trainer): a sweep puts it back, too."""

from __future__ import annotations

from typing import Any

from torch import nn

from lr_magic.notebook.discovery.own_step.own_step import OwnStep
from lr_magic.notebook.discovery.own_step.touched import touched_by
from lr_magic.notebook.discovery.supervised_step import SupervisedStep


def touched_beside(step: object) -> tuple[Any, ...]:
    """Return objects that a step's code reaches, or the module that its loss is; modules only if they have tensors."""
    if isinstance(step, OwnStep):
        values = touched_by(step)
    elif isinstance(step, SupervisedStep):
        candidate = getattr(step.loss.loss_fn, "candidate", None)
        values = [step.loss.loss_fn if candidate is None else candidate.value]
        values = [value for value in values if isinstance(value, nn.Module)]
    else:
        values = []
    return tuple(value for value in values if not isinstance(value, nn.Module) or _has_tensors(value))


def _has_tensors(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None or next(module.buffers(), None) is not None
