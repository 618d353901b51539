"""Methods of single objects and gradients of a model, out of the way for the length of a block."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lr_magic.training.interrupts import hold_interrupts_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import nn


class MethodsReplaced:
    """Context manager: single objects have other methods in its block; their classes stay as they are.

    Parameters
    ----------
    methods
        Object, name of the method, what stands in for it. The context may be entered again and again.
    """

    def __init__(self, methods: Iterable[tuple[Any, str, Callable[..., Any]]]) -> None:
        self._methods = [(value.__dict__, name, function) for value, name, function in methods]
        self._own: list[tuple[dict[str, Any], str, Any]] = []

    def __enter__(self) -> None:
        for attributes, name, function in self._methods:
            self._own.append((attributes, name, attributes.get(name, _MISSING)))
            attributes[name] = function

    def __exit__(self, *_: object) -> None:
        while self._own:
            attributes, name, before = self._own.pop()
            if before is _MISSING:
                attributes.pop(name, None)
            else:
                attributes[name] = before


# Half of a replacement must not stay behind where an interrupt arrives in between.
hold_interrupts_in(MethodsReplaced.__enter__.__code__)
hold_interrupts_in(MethodsReplaced.__exit__.__code__)


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
