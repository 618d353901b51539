"""Which names a body binds, read from its compiled code; and the functions of the notebook that it reaches."""

from __future__ import annotations

import dis
import inspect
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LOADS = {"LOAD_NAME", "LOAD_GLOBAL"}
_PARTS_OF_LOADING = ("dataset", "collate_fn", "sampler", "batch_sampler", "transform", "target_transform")
_BINDINGS = {"STORE_NAME", "DELETE_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"}


def bound_names(code: CodeType, namespace: Mapping[str, Any]) -> frozenset[str]:
    """Names that running the code may bind in the notebook.

    Those of the code itself, of the functions and comprehensions in it (`global`, ``:=``), and those that functions of
    the notebook reached from it declare `global`.
    """
    own = {name for part in _parts(code) for name in _bindings(part)}
    for function in reached_functions(code, namespace):
        for part in _parts(function.__code__):
            own.update(name for opname, name in _binding_instructions(part) if opname.endswith("GLOBAL"))
    return frozenset(own)


def read_names(code: CodeType) -> list[str]:
    """Names that the code and the functions in it mention, in the order of the text, each once."""
    return list(dict.fromkeys(name for part in _parts(code) for name in part.co_names))


def runs_unseen_code(code: CodeType) -> bool:
    """Whether the code runs text (``exec``), or magics that do (``%run``): what that mentions is not known."""
    return any(
        (instruction.opname in _LOADS and instruction.argval in {"exec", "eval", "globals"})
        or instruction.argval in {"run_cell_magic", "run_line_magic"}
        for part in _parts(code)
        for instruction in dis.get_instructions(part)
    )


def reached_functions(code: CodeType, namespace: Mapping[str, Any]) -> list[FunctionType]:
    """Functions and methods of the notebook that the code mentions, and those that they mention, nearest first."""
    found: dict[int, FunctionType] = {}
    pending = [code]
    while pending:
        for name in read_names(pending.pop(0)):
            for function in _functions_of(namespace.get(name), namespace):
                if id(function) not in found:
                    found[id(function)] = function
                    pending.append(function.__code__)
    return list(found.values())


def _functions_of(value: object, namespace: Mapping[str, Any]) -> Iterator[FunctionType]:
    """Functions whose code runs where the value is used: itself, or the methods of its class, if of the notebook.

    A loader runs those of its dataset and of what collates its batches.
    """
    if isinstance(value, (DataLoader, Dataset)):
        for part in _PARTS_OF_LOADING:
            yield from _functions_of(getattr(value, part, None), namespace)
    kind = value if isinstance(value, type) else type(value)
    is_own_class = kind.__module__ == namespace.get("__name__") and kind is not FunctionType
    for candidate in vars(kind).values() if is_own_class else (value,):
        function = inspect.unwrap(candidate) if callable(candidate) else None
        if isinstance(function, FunctionType) and function.__globals__ is namespace:
            yield function


def _parts(code: CodeType) -> Iterator[CodeType]:
    """Yield the code itself and that of every function, lambda, class and comprehension in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _parts(constant)


def _bindings(code: CodeType) -> Iterator[str]:
    is_scope_of_class = "__module__" in code.co_names and "__qualname__" in code.co_names
    for opname, name in _binding_instructions(code):
        # a class body stores its attributes by name too; those bind nothing outside
        if opname.endswith("GLOBAL") or not is_scope_of_class:
            yield name


def _binding_instructions(code: CodeType) -> Iterator[tuple[str, str]]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in _BINDINGS:
            yield instruction.opname, str(instruction.argval)
