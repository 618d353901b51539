"""Names that a statement reads, binds and changes in place."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHANGING_METHODS = frozenset(
    {"append", "extend", "insert", "add", "update", "appendleft", "pop", "popleft", "push", "setdefault", "clear"}
)


_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def reads(node: ast.AST) -> set[str]:
    """Names that a piece of source takes from outside; what an inner scope binds for itself is not among them.

    >>> sorted(reads(ast.parse("y = [f(x) for x in xs]")))
    ['f', 'xs']
    """
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    inside: set[str] = set().union(*(reads(child) for child in ast.iter_child_nodes(node)))
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return inside | {node.target.id}
    return inside - _bound_inside(node)


def _bound_inside(node: ast.AST) -> set[str]:
    """Names that a node's own inner scope binds."""
    if isinstance(node, _COMPREHENSIONS):
        return {name for generator in node.generators for name in _stored(generator.target)}
    if isinstance(node, _FUNCTIONS):
        body = node.body if isinstance(node.body, list) else []
        return {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}.union(*(binds(s) for s in body))
    return set()


def _stored(target: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}


def binds(node: ast.AST) -> set[str]:
    """Names that a piece of source binds in its own scope."""
    return {name for part in _own_nodes(node) for name in _bound_by(part)}


def changes(node: ast.AST) -> set[str]:
    """Names whose objects a piece of source changes in place: an item, an attribute, ``list.append``, ``mul_``."""
    return {name for part in _own_nodes(node) for name in _changed_by(part)}


def _bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)) or (isinstance(node, ast.ExceptHandler) and node.name):
        yield node.name  # type: ignore[misc]
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).split(".")[0]


def _changed_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
        yield from _base(node)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        method = node.value.func.attr
        if method.startswith("clip_grad"):
            return
        if method in _CHANGING_METHODS or (method.endswith("_") and not method.startswith("_")):
            yield from _base(node.value.func)


def _base(node: ast.AST) -> Iterator[str]:
    while isinstance(node, (ast.Subscript, ast.Attribute, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        yield node.id


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Walk without entering the scopes of functions, classes, lambdas and comprehensions."""
    yield node
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        return
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.comprehension):
            yield from _own_nodes(child)
