"""Calls of a body that are left out: its scheduler's always, every updating one where it only validates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterable

_UPDATING: tuple[tuple[type, tuple[str, ...]], ...] = (
    (torch.optim.Optimizer, ("step", "zero_grad")),
    (torch.amp.GradScaler, ("unscale_", "step", "update")),
    (nn.Module, ("zero_grad", "train", "update_parameters")),
)


def is_scheduler(value: object) -> bool:
    """Tell a scheduler: torch's, or an object that steps and tells its last rate (accelerate, timm, HF)."""
    if isinstance(value, torch.optim.lr_scheduler.LRScheduler):
        return True
    return not isinstance(value, type) and hasattr(value, "step") and hasattr(value, "get_last_lr")


def updating_methods(values: Iterable[Any]) -> list[tuple[Any, str]]:
    """Methods by which the objects of a notebook change weights, rates or gradients: (object, name) pairs."""
    found: list[tuple[Any, str]] = []
    for value in values:
        if is_scheduler(value):
            found.append((value, "step"))
        for kind, names in _UPDATING:
            if isinstance(value, kind):
                found.extend((value, name) for name in names if hasattr(value, name))
    return found
