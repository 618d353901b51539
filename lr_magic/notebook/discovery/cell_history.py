"""What the executed cells tell: when a name was last assigned, how a function was defined and called."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.cells import parse_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Moment = tuple[int, int]
"""Cell (from 0) and line; a later one is larger."""

UNKNOWN_MOMENT: Moment = (-1, 0)


class CellHistory:
    """The executed cells, the current one last; only those that mention what is asked for are parsed.

    The order of a namespace's dict says nothing: a name that is bound again keeps its place.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self._sources = list(sources)

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self._sources)

    def mentioning(self, text: str) -> Iterator[tuple[int, ast.Module]]:
        """Yield number and syntax tree of the cells that contain a text, the latest first."""
        for cell in range(len(self._sources) - 1, -1, -1):
            if text in self._sources[cell]:
                yield cell, parse_cell(self._sources[cell])

    def last_assignment(self, expression: str) -> Moment:
        """When the name at the head of an expression was last bound; `UNKNOWN_MOMENT` if no cell shows it."""
        head = expression.split("[", 1)[0].split(".", 1)[0]
        for cell, _ in self.mentioning(head):
            line = _lines_of_assignments(self._sources[cell]).get(head)
            if line is not None:
                return cell, line
        return UNKNOWN_MOMENT

    def assigned_value(self, name: str) -> ast.expr | None:
        """Return what a cell assigned to a name last, at its own level, as it was written."""
        for _, tree in self.mentioning(name):
            for statement in reversed(tree.body):
                if isinstance(statement, ast.Assign) and any(ast.unparse(t) == name for t in statement.targets):
                    return statement.value
        return None

    def was_run_before(self, cell: int, earlier: int) -> bool:
        """Tell whether a cell's source had been run before an earlier cell too: it was run again, not written anew."""
        return self._sources[cell] in self._sources[:earlier]

    def definition(self, name: str) -> ast.FunctionDef | None:
        """Return the last definition of a function at a cell's own level."""
        for _, tree in self.mentioning(f"def {name}"):
            for statement in reversed(tree.body):
                if isinstance(statement, ast.FunctionDef) and statement.name == name:
                    return statement
        return None

    def calls(self, name: str) -> Iterator[tuple[Moment, ast.Call]]:
        """Yield the calls of a function (or ``object.method``) outside of any function, the latest first."""
        for cell, tree in self.mentioning(name):
            for statement in reversed(tree.body):
                for node in own_nodes(statement):
                    if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
                        yield (cell, node.lineno), node

    def last_use(self, name: str) -> Moment:
        """When a function was last called outside of any function, else when it was defined."""
        return next((moment for moment, _ in self.calls(name)), self.last_assignment(name))


@lru_cache(maxsize=4096)
def _lines_of_assignments(source: str) -> dict[str, int]:
    """Last line of a cell that binds each name at the cell's own level."""
    lines: dict[str, int] = {}
    for statement in parse_cell(source).body:
        for name, line in _assigned_names(statement):
            lines[name] = max(line, lines.get(name, 0))
    return lines


def _assigned_names(statement: ast.stmt) -> Iterator[tuple[str, int]]:
    """Names that a statement binds; what a function or a class binds inside is its own affair."""
    for node in own_nodes(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0], statement.lineno
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, node.lineno


def own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """Walk a statement without entering functions, classes, lambdas and comprehensions."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.comprehension)):
            pending.extend(ast.iter_child_nodes(node))
