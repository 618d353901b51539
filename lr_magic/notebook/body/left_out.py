"""Calls of a body that are left out: its scheduler's always, every updating one where it only validates."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_UPDATING: tuple[tuple[type, tuple[str, ...]], ...] = (
    (torch.optim.Optimizer, ("step", "zero_grad")),
    (torch.amp.GradScaler, ("unscale_", "step", "update")),
    (nn.Module, ("zero_grad", "train", "update_parameters")),
)


def is_scheduler(value: object) -> bool:
    """A learning rate scheduler of torch, or an object that steps and tells its last rate (accelerate, timm, HF)."""
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


@contextmanager
def replaced(methods: Iterable[tuple[Any, str, Callable[..., Any]]]) -> Iterator[None]:
    """Give single objects other methods for the block; their classes stay as they are."""
    own: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for value, name, function in methods:
            attributes = value.__dict__
            own.append((attributes, name, attributes.get(name, _MISSING)))
            attributes[name] = function
        yield
    finally:
        for attributes, name, before in reversed(own):
            if before is _MISSING:
                attributes.pop(name, None)
            else:
                attributes[name] = before


def nothing(*_: Any, **__: Any) -> None:  # noqa: ANN401 - stands in for any method
    """Stand in for a call that is left out."""


_MISSING = object()


@contextmanager
def gradients_aside(module: nn.Module) -> Iterator[None]:
    """Take the gradients off a module for the block, so that clipping in it finds none to change."""
    kept = [(parameter, parameter.grad) for parameter in module.parameters() if parameter.grad is not None]
    for parameter, _ in kept:
        parameter.grad = None
    try:
        yield
    finally:
        for parameter, gradient in kept:
            parameter.grad = gradient
