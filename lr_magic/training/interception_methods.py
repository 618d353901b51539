"""Methods of single objects and gradients of a model, out of the way for the length of a block."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import nn


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


def nothing(*_: Any, **__: Any) -> None:
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
