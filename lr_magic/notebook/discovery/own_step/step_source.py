"""Where the person's step is written down: a function of the notebook, or an executed cell."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.discovery.own_step.slicing import has_backward

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lr_magic.notebook.discovery.candidates import Candidate
    from lr_magic.notebook.discovery.cell_history import CellHistory, Moment


@dataclass(frozen=True)
class StepSource:
    """Statements that call ``backward``.

    Attributes
    ----------
    name
        How a report calls it: ``train()``, ``cell 7``.
    body
        Statements of the function or of the cell.
    filename
        File that tracebacks point into.
    moment
        When it was executed or defined.
    function
        The function; None for a cell.
    """

    name: str
    body: list[ast.stmt]
    filename: str
    moment: Moment
    function: Any = None  # a FunctionType; mypy would take it for a method


def step_sources(functions: list[Candidate], history: CellHistory) -> Iterator[StepSource]:
    """Yield every source of a step, the latest first."""
    found = [*_functions(functions, history), *_cells(history)]
    yield from sorted(found, key=lambda source: source.moment, reverse=True)


def _cells(history: CellHistory) -> Iterator[StepSource]:
    for number, tree in history.mentioning("backward"):
        is_current = number == len(history) - 1
        if not is_current and any(has_backward(statement) for statement in tree.body):
            yield StepSource(f"cell {number}", tree.body, f"<cell {number}>", (number, 10**6))


def _functions(functions: list[Candidate], history: CellHistory) -> Iterator[StepSource]:
    for candidate in functions:
        function = plain_function(candidate.value)
        if function is None or not {"backward", "manual_backward"} & set(function.__code__.co_names):
            continue
        definition = definition_of(function, history)
        if definition is not None and any(has_backward(statement) for statement in definition.body):
            moment = history.last_use(candidate.name)
            yield StepSource(f"{candidate.name}()", definition.body, function.__code__.co_filename, moment, function)


def plain_function(value: object) -> FunctionType | None:
    """Return the function behind decorators that keep it in ``__wrapped__``; None for anything else."""
    inner: object = inspect.unwrap(value) if callable(value) and hasattr(value, "__wrapped__") else value
    return inner if type(inner) is FunctionType else None


def definition_of(function: FunctionType, history: CellHistory) -> ast.FunctionDef | None:
    """Return the definition of a function, from the cells or from its file."""
    definition = history.definition(function.__name__)
    if definition is not None and _is_definition_of(definition, function):
        return definition
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    first = tree.body[0]
    return first if isinstance(first, ast.FunctionDef) else None


def _is_definition_of(definition: ast.FunctionDef, function: FunctionType) -> bool:
    arguments = definition.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    code = function.__code__
    return list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) == names
