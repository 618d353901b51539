"""Cuts out of a training loop what its loss depends on; prints, bookkeeping and updates stay behind."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.own_step.names import binds, changes, reads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Block = list[ast.stmt]
_JUMPS = (ast.Continue, ast.Return)


def is_backward(node: ast.AST) -> bool:
    """Tell whether a statement is a call of ``backward``."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr in {"backward", "manual_backward"}
    )


def has_backward(node: ast.AST) -> bool:
    """Tell whether a piece of source calls ``backward`` at its own level, not inside a function that it defines."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        return False
    return is_backward(node) or any(has_backward(child) for child in ast.iter_child_nodes(node))


def has_inner_backward(statements: Sequence[ast.stmt]) -> bool:
    """Tell whether ``backward`` is called in a function that is defined on the way: a closure for the optimizer."""
    functions = (ast.FunctionDef, ast.Lambda)
    inner = [node for s in statements for node in ast.walk(s) if isinstance(node, functions)]
    return any(is_backward(node) for function in inner for node in ast.walk(function))


def needed_names(blocks: Sequence[Block], wanted: set[str], *, keep: Callable[[ast.AST], bool]) -> set[str]:
    """Every name that ``wanted``, and the statements that must be kept, depend on within some blocks."""
    needed = set(wanted)
    while True:
        kept = [statement for block in blocks for statement in cut(block, needed, keep=keep)]
        grown = needed.union(*(reads(statement) for statement in kept))
        if grown == needed:
            return needed
        needed = grown


def cut(block: Sequence[ast.stmt], needed: set[str], *, keep: Callable[[ast.AST], bool]) -> Block:
    """Statements of a block that bind or change a needed name, or that ``keep`` asks for, in their order."""
    return [kept for statement in block if (kept := _cut_one(statement, needed, keep)) is not None]


def _cut_one(statement: ast.stmt, needed: set[str], keep: Callable[[ast.AST], bool]) -> ast.stmt | None:
    if keep(statement) or isinstance(statement, _JUMPS):
        return statement
    if isinstance(statement, (ast.If, ast.For, ast.While, ast.With, ast.Try)):
        return _cut_compound(statement, needed, keep)
    if isinstance(statement, (ast.Global, ast.Nonlocal)):
        return None
    return statement if (binds(statement) | changes(statement)) & needed else None


def _cut_compound(
    statement: ast.If | ast.For | ast.While | ast.With | ast.Try, needed: set[str], keep: Callable[[ast.AST], bool]
) -> ast.stmt | None:
    body = cut(statement.body, needed, keep=keep)
    otherwise = cut(getattr(statement, "orelse", []), needed, keep=keep)
    handlers = getattr(statement, "handlers", [])
    # A jump alone matters where it decides whether the loss is reached: right inside an `if`, not at a loop's end.
    if not body and not otherwise:
        return None
    fields = {name: value for name, value in ast.iter_fields(statement) if name not in {"body", "orelse"}}
    if isinstance(statement, ast.Try):
        fields["handlers"] = handlers
    copied = type(statement)(**fields, body=body or [ast.Pass()])
    if not isinstance(statement, ast.With):
        copied.orelse = otherwise  # type: ignore[union-attr]
    return ast.fix_missing_locations(ast.copy_location(copied, statement))


def names_carried(body: Sequence[ast.stmt]) -> set[str]:
    """Names that the body of a loop reads before it binds them: they come from the step before."""
    bound: set[str] = set()
    return _read_first(body, bound) & bound


def _read_first(body: Sequence[ast.stmt], bound: set[str]) -> set[str]:
    """Names that are read while not bound yet; adds to ``bound`` on the way, whichever branch is taken."""
    found: set[str] = set()
    for statement in body:
        inner = [block for field in ("body", "orelse", "finalbody") if (block := getattr(statement, field, None))]
        if not inner or isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            found |= reads(statement) - bound
            bound |= binds(statement)
            continue
        for field in ("test", "iter", "items", "target"):
            for part in _listed(getattr(statement, field, None)):
                found |= reads(part) - bound
                bound |= binds(part)
        for block in inner:
            found |= _read_first(block, bound)
    return found


def _listed(part: ast.AST | list[ast.AST] | None) -> list[ast.AST]:
    if part is None:
        return []
    return part if isinstance(part, list) else [part]
