"""From the text under a magic to the code of one step, with the line numbers of the person's own cell."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.cells import without_timing
from lr_magic.pure.errors import DiscoveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

    from lr_magic.notebook.body.cell_source import CellSource
    from lr_magic.notebook.body.clause import ForClause

# Names that the compiled step uses for itself while it runs; no person writes them.
ITEM = "__lr_magic_item__"
RAN_THROUGH = "__lr_magic_ran_through__"

_INDENT = re.compile(r"[ \t]*")


def parse_body(body: str, source: CellSource, transform: Callable[[str], str] | None = None) -> list[ast.stmt]:
    """Read the inside of a loop, pasted as it stands: indented or not, or with only its first line flush left.

    Parameters
    ----------
    body
        The cell below the magic's line.
    source
        Where the body stands in its cell.
    transform
        IPython's translation of ``!command``, ``%magic`` and ``?``; used where the text is no plain Python.

    Raises
    ------
    SyntaxError
        The person's own, with the line of their cell.
    DiscoveryError
        Where the body is empty or leaves a function that it is not inside of.
    """
    statements = _first_readable(_readings(without_timing(body), source, transform), source)
    if not statements:
        raise DiscoveryError("The cell below the `for` clause is empty. → paste the inside of your training loop")
    _refuse_function_statements(statements)
    return statements


def compile_step(clause: ForClause, statements: list[ast.stmt], source: CellSource) -> CodeType:
    """Compile the body as a loop over one item, so that the target, `continue` and `break` mean what they say.

    `RAN_THROUGH` is bound unless the body left by `break`.
    """
    magic_line = source.first_line - 1
    one_item = ast.Tuple([ast.Name(ITEM, ast.Load())], ast.Load())
    mark = ast.Assign([ast.Name(RAN_THROUGH, ast.Store())], ast.Constant(value=True))
    loop = ast.For(clause.target, one_item, statements, [mark])
    for node in (loop, one_item, mark, *ast.walk(clause.target)):
        _place(node, magic_line)
    tree = ast.Module([loop], [])
    return compile(ast.fix_missing_locations(tree), source.filename, "exec")


def compile_iterable(iterable: ast.expr, source: CellSource) -> CodeType:
    """Compile the looped-over expression; an error in it points at the magic's line."""
    for node in ast.walk(iterable):
        _place(node, source.first_line - 1)
    return compile(ast.fix_missing_locations(ast.Expression(iterable)), source.filename, "eval")


def _place(node: ast.AST, line: int) -> None:
    if hasattr(node, "lineno") or isinstance(node, (ast.expr, ast.stmt)):
        node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
        node.col_offset = node.end_col_offset = 0  # type: ignore[attr-defined]


def _first_readable(readings: Iterator[str], source: CellSource) -> list[ast.stmt]:
    errors: list[SyntaxError] = []
    for text in readings:
        try:
            return _statements(text, source)
        except SyntaxError as error:
            errors.append(error)
    # none reads: the one that came furthest is the one that was meant
    raise max(errors, key=lambda error: error.lineno or 0)


def _readings(body: str, source: CellSource, transform: Callable[[str], str] | None) -> Iterator[str]:
    """Texts that may be what was pasted, each with every line where it stands in the cell."""
    yield from _indentation_readings(body, source)
    if transform is not None:
        # IPython drops blank lines at the top; put back, so that the numbers stay right
        blank_lines = len(body) - len(body.lstrip("\n"))
        yield from _indentation_readings("\n" * blank_lines + transform(body), source)


def _indentation_readings(body: str, source: CellSource) -> Iterator[str]:
    yield padded(body, source.first_line)
    yield _under_header(body, source.first_line)
    lines = body.splitlines(keepends=True)
    code_lines = [number for number, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")]
    if len(code_lines) > 1:
        first, rest = code_lines[0], code_lines[1:]
        indent = min((_indent_of(lines[number]) for number in rest), key=len)
        # comments above the first line of code carry no meaning and may stand anywhere
        lines[first] = indent + lines[first].lstrip()
        yield _under_header("".join(lines), source.first_line)


def _indent_of(line: str) -> str:
    match = _INDENT.match(line)
    return match.group() if match else ""


def padded(text: str, first_line: int) -> str:
    """Put blank lines above a text, so that its first line gets its number in the cell."""
    return "\n" * (first_line - 1) + text


def _under_header(text: str, first_line: int) -> str:
    """Put an `if` over an indented text: columns stay as typed, where a dedent would shift them."""
    return "\n" * (first_line - 2) + "if True:\n" + text


def _statements(text: str, source: CellSource) -> list[ast.stmt]:
    statements = ast.parse(text, source.filename).body
    header = statements[0] if len(statements) == 1 else None
    if isinstance(header, ast.If) and header.lineno == source.first_line - 1:
        return header.body
    return statements


def _refuse_function_statements(statements: list[ast.stmt]) -> None:
    for node in own_nodes(statements):
        if isinstance(node, (ast.Return, ast.Yield, ast.YieldFrom, ast.Await)):
            word = type(node).__name__.removesuffix("From").lower()
            raise DiscoveryError(
                f"`{word}` on line {node.lineno} belongs to a function, and the body is the inside of a loop. "
                "→ assign `loss` instead, or put `%%lr_find` above the whole training cell"
            )


def own_nodes(statements: list[ast.stmt]) -> Iterator[ast.AST]:
    """Every node of the body that is not inside a function or class of its own, in the order in which they run."""
    scopes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    pending: list[ast.AST] = list(reversed(statements))
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, scopes):
            pending.extend(reversed(_in_order_of_running(node)))


def _in_order_of_running(node: ast.AST) -> list[ast.AST]:
    children = list(ast.iter_child_nodes(node))
    value = getattr(node, "value", None)
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and value is not None:
        return [value, *(child for child in children if child is not value)]
    return children
