"""Where the person's step is written down: a function of the notebook, or an executed cell."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.discovery.own_step.names import reads
from lr_magic.notebook.discovery.own_step.slicing import has_backward, has_inner_backward

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lr_magic.notebook.discovery.candidates import Candidate, Candidates
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
    owner
        The object whose method it is; None for anything else.
    called
        How calls of it look in the cells; any method's call counts for all methods of an object.
    """

    name: str
    body: list[ast.stmt]
    filename: str
    moment: Moment
    function: Any = None  # a FunctionType; mypy would take it for a method
    owner: Any = None
    called: tuple[str, ...] = ()

    @property
    def trains(self) -> bool:
        """Tell whether it may train: a cell that goes backward and steps nothing only looks at gradients."""
        return self.function is not None or _step(self.body)

    def is_stepped_for(self, history: CellHistory) -> bool:
        """Tell whether it steps an optimizer, or a cell that does so speaks of it: else it only measures."""
        if self.owner is not None or _step(self.body):
            return True
        name = self.called[0] if self.called else self.name
        cells = (tree.body for _, tree in history.mentioning("step") if name in reads(tree))
        return any(_step(body) for body in cells)


def _step(statements: Sequence[ast.stmt]) -> bool:
    return any(_steps(statement) for statement in statements)


def _steps(statement: ast.stmt) -> bool:
    calls = (node.func for node in ast.walk(statement) if isinstance(node, ast.Call))
    return any(isinstance(called, ast.Attribute) and called.attr in {"step", "optimizer_step"} for called in calls)


def step_sources(candidates: Candidates, history: CellHistory, namespace: Mapping[str, object]) -> Iterator[StepSource]:
    """Yield every source of a step: those that train before those that only go backward, the latest first."""
    found = [*_functions(candidates.functions, history), *_methods(candidates, history, namespace), *_cells(history)]
    yield from sorted(found, key=lambda source: (source.trains, source.moment), reverse=True)


def _cells(history: CellHistory) -> Iterator[StepSource]:
    for number, tree in history.mentioning("backward"):
        is_current = number == len(history) - 1
        # a function of the cell is a source of its own
        own = [s for s in tree.body if not isinstance(s, (ast.FunctionDef, ast.ClassDef))]
        if not is_current and _holds_step(own):
            yield StepSource(f"cell {number}", tree.body, f"<cell {number}>", (number, 10**6))


def _functions(functions: list[Candidate], history: CellHistory) -> Iterator[StepSource]:
    for candidate in functions:
        function = plain_function(candidate.value)
        if function is None or not _names_backward(function):
            continue
        definition = definition_of(function, history)
        if definition is not None and _holds_step(definition.body):
            yield StepSource(
                f"{candidate.name}()",
                definition.body,
                function.__code__.co_filename,
                moment=history.last_use(candidate.name),
                function=function,
                called=(function.__name__,),
            )


def _methods(candidates: Candidates, history: CellHistory, namespace: Mapping[str, object]) -> Iterator[StepSource]:
    """Yield the methods with a step of objects of the notebook's own classes: trainers, models that fit themselves."""
    for candidate in (*candidates.objects, *candidates.models):
        methods = own_methods(candidate.value, namespace)
        if not any(_names_backward(function) for function in methods.values()):
            continue
        called = tuple(f"{candidate.name}.{name}" for name in methods)
        moment = max(history.last_use(name) for name in called)
        for name, function in methods.items():
            definition = _written(function) if _names_backward(function) else None
            if definition is not None and _holds_step(definition.body):
                yield StepSource(
                    f"{candidate.name}.{name}()",
                    definition.body,
                    function.__code__.co_filename,
                    moment=moment,
                    function=function,
                    owner=candidate.value,
                    called=called,
                )


def own_methods(value: object, namespace: Mapping[str, object]) -> dict[str, FunctionType]:
    """Return the methods of an object that were written in the notebook, those of its base classes included."""
    found: dict[str, FunctionType] = {}
    for kind in reversed(type(value).__mro__):
        for name, held in vars(kind).items():
            function = None if isinstance(held, (staticmethod, classmethod)) else plain_function(held)
            if function is not None and function.__globals__ is namespace:
                found[name] = function
    return found


def _names_backward(function: FunctionType) -> bool:
    codes = [function.__code__, *(c for c in function.__code__.co_consts if isinstance(c, CodeType))]
    return any({"backward", "manual_backward"} & set(code.co_names) for code in codes)


def _holds_step(statements: Sequence[ast.stmt]) -> bool:
    return any(has_backward(statement) for statement in statements) or has_inner_backward(statements)


def plain_function(value: object) -> FunctionType | None:
    """Return the function behind decorators that keep it in ``__wrapped__``; None for anything else."""
    inner: object = inspect.unwrap(value) if callable(value) and hasattr(value, "__wrapped__") else value
    return inner if type(inner) is FunctionType else None


def definition_of(function: FunctionType, history: CellHistory) -> ast.FunctionDef | None:
    """Return the definition of a function, from the cells or from its file."""
    definition = history.definition(function.__name__)
    if definition is not None and _is_definition_of(definition, function):
        return definition
    return _written(function)


def _written(function: FunctionType) -> ast.FunctionDef | None:
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
