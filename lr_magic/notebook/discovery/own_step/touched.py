"""What an own step touches beside the model: a teacher, an encoder, the counters of a trainer; it is put back too."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from torch import nn

from lr_magic.training.restoring.touched import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lr_magic.notebook.discovery.own_step.own_step import OwnStep

# Functions that call functions: deeper than this no step is written.
_DEEPEST = 3


def touched_by(step: OwnStep) -> list[Any]:
    """Return modules and objects of the notebook's own classes that a step reaches by name, with what they hold.

    Followed are the functions that it calls, too.
    """
    own_module = str(step.names.get("__name__", "__main__"))
    found: dict[int, Any] = {}
    for code in (step.prologue, step.body):
        found.update({id(value): value for value in _reached(code, step.names, _DEEPEST)})
    modules = [value for value in found.values() if isinstance(value, nn.Module)]
    objects = [value for value in found.values() if not isinstance(value, (nn.Module, type))]
    own = [value for value in objects if type(value).__module__ == own_module]
    return [*modules, *parts_of(own, own_module)]


def _reached(code: types.CodeType, names: Mapping[str, object], depth: int) -> Iterator[object]:
    for name in code.co_names:
        value = names.get(name)
        if isinstance(value, types.FunctionType):
            if depth:
                yield from _reached(value.__code__, value.__globals__, depth - 1)
        elif value is not None:
            yield value
