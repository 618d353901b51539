"""What can be known of an expression in a cell before the cell runs: nothing is called that does anything."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, Dataset

from lr_magic.notebook.body.loop import is_progress_bar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNKNOWN: Any = type("Unknown", (), {"__repr__": lambda _: "UNKNOWN"})()

# Pure, or no more than a description of work to come: making a loader draws nothing.
_CALLABLE = (len, range, int, float, min, max, round, DataLoader)
_SAME_LENGTH = (enumerate, iter, reversed, list, tuple)
_EVALUABLE = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Dict),
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.keyword),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)


def known_value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """Value of an expression that consists of names, numbers, attributes and calls without effects; else `UNKNOWN`."""
    if not _is_evaluable(node, names):
        return UNKNOWN
    try:
        value = eval(compile(ast.Expression(node), "<cell>", "eval"), dict(names))  # noqa: S307 - checked above
    except Exception:  # noqa: BLE001 - whatever it is, it is not known
        return UNKNOWN
    return value


def known_values(node: ast.expr, names: Mapping[str, Any], name: str, values: Sequence[int]) -> list[Any] | None:
    """Values of an expression for each value of one of its names; None where something else in it is not known."""
    with_first = {**names, name: values[0]} if values else {}
    mentions = any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(node))
    if not mentions or known_value(node, with_first) is UNKNOWN:
        return None
    code = compile(ast.Expression(node), "<cell>", "eval")
    scope, found = dict(names), []
    try:
        for scope[name] in values:
            found.append(eval(code, scope))  # noqa: S307 - checked above
    except Exception:  # noqa: BLE001 - whatever it is, it is not known
        return None
    return found


def known_length(node: ast.expr, names: Mapping[str, Any]) -> int | None:
    """Number of items that a loop over the expression will meet; None where it is not known."""
    if isinstance(node, ast.Call) and node.args:
        function = known_value(node.func, names)
        if any(function is known for known in _SAME_LENGTH) or is_progress_bar(function):
            return known_length(node.args[0], names)
        if function is zip:
            lengths = [known_length(argument, names) for argument in node.args]
            known = [length for length in lengths if length is not None]
            return min(known) if len(known) == len(lengths) else None
    try:
        return len(known_value(node, names))
    except (TypeError, NotImplementedError):
        return None


def counted_by(loop: ast.For, names: Mapping[str, Any]) -> tuple[str, int] | None:
    """Return name and first value of what ``enumerate`` or ``range(n)`` counts."""
    iterable = loop.iter
    while isinstance(iterable, ast.Call) and iterable.args and is_progress_bar(known_value(iterable.func, names)):
        iterable = iterable.args[0]
    function = known_value(iterable.func, names) if isinstance(iterable, ast.Call) else None
    if function is range and isinstance(loop.target, ast.Name) and len(iterable.args) == 1:  # type: ignore[attr-defined]
        return loop.target.id, 0
    if function is not enumerate or not isinstance(loop.target, ast.Tuple):
        return None
    first = loop.target.elts[0]
    starts = [*iterable.args[1:], *(k.value for k in iterable.keywords)]  # type: ignore[attr-defined]
    start = known_value(starts[0], names) if starts else 0
    return (first.id, start) if isinstance(first, ast.Name) and isinstance(start, int) else None


def _is_evaluable(node: ast.AST, names: Mapping[str, Any]) -> bool:
    if isinstance(node, ast.Name):
        return names.get(node.id) is not UNKNOWN
    if isinstance(node, ast.Call):
        function = known_value(node.func, names)
        if not any(function is allowed for allowed in _CALLABLE):
            return False
    elif not isinstance(node, _EVALUABLE) or _looks_up_what_acts(node, names):
        return False
    return all(_is_evaluable(child, names) for child in ast.iter_child_nodes(node))


def _looks_up_what_acts(node: ast.AST, names: Mapping[str, Any]) -> bool:
    """Whether an item is looked up where that does something: a defaultdict makes it, a dataset reads or counts."""
    container = known_value(node.value, names) if isinstance(node, ast.Subscript) else None
    return isinstance(container, Dataset) or hasattr(type(container), "__missing__")
