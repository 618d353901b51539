"""What the executed cells tell: when a name was last assigned."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.cells import parse_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Moment = tuple[int, int]
"""Cell (from 0) and line; a later one is larger."""

UNKNOWN_MOMENT: Moment = (-1, 0)


class CellHistory:
    """Syntax trees of the executed cells, the current one last, and the last assignment of each name.

    The order of a namespace's dict says nothing: a name that is bound again keeps its place.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self.trees = [parse_cell(source) for source in sources]
        self._assigned: dict[str, Moment] = {}
        self._definitions: dict[str, ast.FunctionDef] = {}
        for cell, tree in enumerate(self.trees):
            self._definitions.update({d.name: d for d in tree.body if isinstance(d, ast.FunctionDef)})
            for name, line in _assigned_names(tree.body):
                self._assigned[name] = max((cell, line), self._assigned.get(name, UNKNOWN_MOMENT))

    def last_assignment(self, expression: str) -> Moment:
        """When the name at the head of an expression was last bound; `UNKNOWN_MOMENT` if no cell shows it."""
        head = expression.split("[", 1)[0].split(".", 1)[0]
        return self._assigned.get(head, UNKNOWN_MOMENT)

    def definition(self, name: str) -> ast.FunctionDef | None:
        """Return the last definition of a function at a cell's own level."""
        return self._definitions.get(name)

    def calls(self, name: str) -> Iterator[tuple[Moment, ast.Call]]:
        """Yield the calls of a function that cells make outside of any function, the latest first."""
        for cell, tree in reversed(list(enumerate(self.trees))):
            for statement in reversed(tree.body):
                for node in own_nodes(statement):
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                        yield (cell, node.lineno), node

    def last_use(self, name: str) -> Moment:
        """When a function was last called outside of any function, else when it was defined."""
        return next((moment for moment, _ in self.calls(name)), self.last_assignment(name))


def _assigned_names(statements: list[ast.stmt]) -> Iterator[tuple[str, int]]:
    """Names that a cell's own level binds; what a function or a class binds inside is its own affair."""
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name, statement.lineno
            continue
        for node in own_nodes(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id, node.lineno
            elif isinstance(node, ast.alias):
                yield (node.asname or node.name).split(".")[0], statement.lineno
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                yield node.name, node.lineno


def own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """Walk a statement without entering functions, classes and comprehensions."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.comprehension)):
            pending.extend(ast.iter_child_nodes(node))
