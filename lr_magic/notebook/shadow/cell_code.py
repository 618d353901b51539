"""A whole training cell as code, with the line numbers of the person's own cell."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.body.parsing import padded
from lr_magic.notebook.discovery.cells import without_timing
from lr_magic.pure.errors import DiscoveryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from lr_magic.notebook.body.cell_source import CellSource


def parse_cell_body(body: str, source: CellSource, transform: Callable[[str], str] | None = None) -> ast.Module:
    """Read a cell; each line keeps its number.

    Raises
    ------
    SyntaxError
        The person's own.
    DiscoveryError
        Where the cell is empty.
    """
    body = without_timing(body)
    if transform is not None and not _is_python(body):
        # IPython drops blank lines at the top; put back, so that the numbers stay right
        body = "\n" * (len(body) - len(body.lstrip("\n"))) + transform(body)
    tree = ast.parse(padded(body, source.first_line), source.filename)
    if not tree.body:
        raise DiscoveryError("The cell is empty below the magic. → put it above the cell that trains")
    return tree


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def compile_cell(tree: ast.Module, source: CellSource) -> list[CodeType]:
    """Compile a cell; its last expression, if it ends in one, apart, so that its value is displayed."""
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        return [compile(tree, source.filename, "exec")]
    parts = [compile(ast.Module(tree.body[:-1], []), source.filename, "exec")] if tree.body[:-1] else []
    return [*parts, compile(ast.Interactive([last]), source.filename, "single")]


def run_cell(code: list[CodeType], namespace: dict[str, Any]) -> None:
    """Run a compiled cell in the notebook."""
    for part in code:
        exec(part, namespace)  # noqa: S102 - the person's own code, in their own notebook
