"""Loops that draw their batches by ``next(iterator)``: read as loops over what the iterator was made of."""

from __future__ import annotations

import ast
import copy
from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.own_step.batch_loop import called
from lr_magic.notebook.discovery.own_step.step_cut import FIRST, innermost_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Loop = ast.For | ast.While


def draws_as_loop(body: Sequence[ast.stmt], made_earlier: Callable[[str], ast.expr | None]) -> list[ast.stmt]:
    """Turn ``while …: batch = next(it)`` into ``for batch in loader``, where ``it = iter(loader)`` can be seen.

    Parameters
    ----------
    body
        Statements of a function or a cell; they stay as they are.
    made_earlier
        What the cells assigned to a name last, if any of them did.
    """
    found = innermost_loop(body)
    if found is None or len(_draws(found)) != 1:
        return list(body)
    # A copy: the tree of a cell is kept and read again.
    copied = copy.deepcopy(list(body))
    loop = innermost_loop(copied)
    if loop is None:
        return list(body)
    [(statement, draw)] = _draws(loop)
    source = _source_of(draw.value, copied, made_earlier)
    if source is None:
        return list(body)
    rest = [s for s in loop.body if s is not statement]
    by_batch = ast.For(target=draw.targets[0], iter=source, body=rest or [ast.Pass()], orelse=[])
    return _Replaced(loop, [*_head(loop), ast.copy_location(by_batch, loop)]).of(copied)


def _draws(loop: Loop) -> list[tuple[ast.stmt, ast.Assign]]:
    """Statements right inside a loop that draw a batch: alone, or in a ``try`` that begins anew at the end."""
    found = []
    for statement in loop.body:
        inner = statement.body[0] if isinstance(statement, ast.Try) and len(statement.body) == 1 else statement
        if isinstance(inner, ast.Assign) and len(inner.targets) == 1 and _iterator_of(inner.value) is not None:
            found.append((statement, inner))
    return found


def _iterator_of(value: ast.expr) -> ast.expr | None:
    """Return ``it`` of ``next(it)`` and of ``it.__next__()``."""
    if not isinstance(value, ast.Call):
        return None
    if isinstance(value.func, ast.Attribute):
        return value.func.value if value.func.attr in {"__next__", "next"} and not value.args else None
    return value.args[0] if called(value) == "next" and value.args else None


def _source_of(
    draw: ast.expr, body: Sequence[ast.stmt], made_earlier: Callable[[str], ast.expr | None]
) -> ast.expr | None:
    """Return ``loader`` of an iterator that is ``iter(loader)``, here or where its name was assigned."""
    iterator = _iterator_of(draw)
    if isinstance(iterator, ast.Name):
        made = [
            node.value
            for statement in body
            for node in ast.walk(statement)
            if isinstance(node, ast.Assign) and any(_is_name(target, iterator.id) for target in node.targets)
        ]
        sources = {ast.unparse(value) for value in made}
        iterator = made[0] if len(sources) == 1 else made_earlier(iterator.id) if not made else None
    is_iter = isinstance(iterator, ast.Call) and called(iterator) in {"iter", "cycle"} and len(iterator.args) == 1
    return iterator.args[0] if is_iter else None  # type: ignore[union-attr]


def _is_name(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id == name


def _head(loop: Loop) -> list[ast.stmt]:
    """Bind what a counting loop counts, at its first value."""
    if isinstance(loop, ast.While):
        return []
    first = ast.Call(func=ast.Name(id=FIRST, ctx=ast.Load()), args=[loop.iter], keywords=[])
    return [ast.copy_location(ast.Assign(targets=[loop.target], value=first), loop)]


class _Replaced(ast.NodeTransformer):
    """Puts other statements where a loop stands."""

    def __init__(self, old: Loop, new: list[ast.stmt]) -> None:
        self._old = old
        self._new = new

    def of(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Return the statements with the loop replaced."""
        module = self.visit(ast.Module(body=body, type_ignores=[]))
        return ast.fix_missing_locations(module).body  # type: ignore[no-any-return]

    def visit_For(self, node: ast.For) -> ast.AST | list[ast.stmt]:
        return self._new if node is self._old else self.generic_visit(node)

    def visit_While(self, node: ast.While) -> ast.AST | list[ast.stmt]:
        return self._new if node is self._old else self.generic_visit(node)
