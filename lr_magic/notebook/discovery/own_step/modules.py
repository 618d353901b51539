"""Modules that an own step touches beside the model: a teacher, an encoder; they are put back too."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lr_magic.notebook.discovery.own_step.follow import Followed


def modules_used(followed: Iterable[Followed]) -> list[nn.Module]:
    """Return the modules that some steps reach by name, themselves or through the functions that they call."""
    found: dict[int, nn.Module] = {}
    for one in followed:
        for code in (one.step.prologue, one.step.body):
            found.update({id(module): module for module in _reached(code, one.step.names, depth=3)})
    return list(found.values())


def _reached(code: types.CodeType, names: Mapping[str, object], depth: int) -> Iterator[nn.Module]:
    for name in code.co_names:
        value = names.get(name)
        if isinstance(value, nn.Module):
            yield value
        elif isinstance(value, types.FunctionType) and depth:
            yield from _reached(value.__code__, value.__globals__, depth - 1)
