"""Modules that a step uses beside the model (a teacher, a criterion with weights): a sweep puts them back too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from lr_magic.notebook.discovery.own_step.own_step import OwnStep
from lr_magic.notebook.discovery.supervised_step import SupervisedStep

if TYPE_CHECKING:
    from collections.abc import Iterator


def modules_beside(step: object) -> list[nn.Module]:
    """Modules with tensors that a step's code names, or that its loss is."""
    return list({id(module): module for module in _modules(step) if _has_tensors(module)}.values())


def _modules(step: object) -> Iterator[nn.Module]:
    values: list[Any] = []
    if isinstance(step, OwnStep):
        mentioned = {*step.prologue.co_names, *step.body.co_names}
        values = [step.names[name] for name in mentioned if name in step.names]
    elif isinstance(step, SupervisedStep):
        values = [step.loss.loss_fn]
    for value in values:
        candidate = getattr(value, "candidate", None)
        module = value if candidate is None else candidate.value
        if isinstance(module, nn.Module):
            yield module


def _has_tensors(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None or next(module.buffers(), None) is not None
