"""What an own step touches beside the model: a teacher, an encoder, the counters of a trainer; it is put back too."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from torch import nn

from lr_magic.training.restoring.touched import can_change, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lr_magic.notebook.discovery.own_step.own_step import OwnStep

# Functions that call functions: deeper than this no step is written.
_DEEPEST = 3


def touched_by(step: OwnStep) -> list[Any]:
    """Return what a step may change of the notebook: what it reaches by name, with what that holds.

    Followed are the functions that it calls, too. Of what functions of a library reach in their own module, only
    modules and objects of the notebook's own classes count.
    """
    own_module = str(step.names.get("__name__", "__main__"))
    found: dict[int, Any] = {}
    for code in (step.prologue, step.body):
        for value, is_own in _reached(code, step.names, own_module, _DEEPEST):
            if is_own or isinstance(value, nn.Module) or type(value).__module__ == own_module:
                found[id(value)] = value
    modules = [value for value in found.values() if isinstance(value, nn.Module)]
    others = [value for value in found.values() if not isinstance(value, nn.Module) and can_change(value, own_module)]
    return [*modules, *parts_of(others, own_module)]


def _reached(
    code: types.CodeType, names: Mapping[str, object], own_module: str, depth: int
) -> Iterator[tuple[object, bool]]:
    """Yield each value that code mentions, and whether it is a name of the notebook."""
    is_own = names.get("__name__", own_module) == own_module
    for name in code.co_names:
        value = names.get(name)
        if value is not None:
            yield value, is_own
        for function in _functions_of(value, own_module) if depth else ():
            yield from _reached(function.__code__, function.__globals__, own_module, depth - 1)


def _functions_of(value: object, own_module: str) -> list[types.FunctionType]:
    """Functions whose code runs where a value is used: itself, or the methods of its class, if of the notebook."""
    if isinstance(value, types.FunctionType):
        return [value]
    kind = value if isinstance(value, type) else type(value)
    if kind.__module__ != own_module:
        return []
    return [method for method in vars(kind).values() if isinstance(method, types.FunctionType)]
