"""Methods of single objects and gradients of a model, out of the way for the length of a block."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from lr_magic.training.interrupts import hold_interrupts_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import nn


class MethodsReplaced:
    """Context manager: single objects have other methods in its block; their classes, and copies of them, do not.

    Parameters
    ----------
    methods
        Object, name of the method, what stands in for it. The context may be entered again and again.
    """

    def __init__(self, methods: Iterable[tuple[Any, str, Callable[..., Any]]]) -> None:
        given = list(methods)
        self._methods = [(value.__dict__, name, function) for value, name, function in given]
        for value in {id(value): value for value, _, _ in given}.values():
            # a snapshot of the model that the block makes must be one of the model as it is
            copying = {"__deepcopy__": partial(self._deep_copy, value), "__reduce_ex__": partial(self._reduce, value)}
            self._methods += [(value.__dict__, name, function) for name, function in copying.items()]
        self._own: list[tuple[dict[str, Any], str, Any]] = []

    def __enter__(self) -> None:
        for attributes, name, function in self._methods:
            self._own.append((attributes, name, attributes.get(name, _MISSING)))
            attributes[name] = function

    def __exit__(self, *_: object) -> None:
        while self._own:
            _set(*self._own.pop())

    def _deep_copy(self, value: Any, memo: dict[int, Any]) -> Any:
        with self._aside(value):
            return copy.deepcopy(value, memo)

    def _reduce(self, value: Any, protocol: int) -> Any:
        kind: Any = type(value)
        with self._aside(value):
            reduced = kind.__reduce_ex__(value, protocol)
            if isinstance(reduced, tuple) and len(reduced) > 2:
                # a copy: the state is read only after the methods are replaced again
                reduced = (*reduced[:2], copy.copy(reduced[2]), *reduced[3:])
        return reduced

    @contextmanager
    def _aside(self, value: Any) -> Iterator[None]:
        """Give one object its own methods back for the block."""
        mine = [own for own in self._own if own[0] is value.__dict__]
        replaced = [(attributes, name, attributes[name]) for attributes, name, _ in mine]
        for attributes, name, before in reversed(mine):
            _set(attributes, name, before)
        try:
            yield
        finally:
            for attributes, name, function in replaced:
                attributes[name] = function


def _set(attributes: dict[str, Any], name: str, value: Any) -> None:
    if value is _MISSING:
        attributes.pop(name, None)
    else:
        attributes[name] = value


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
