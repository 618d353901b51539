"""Cells as Python: their syntax trees, seen through IPython's magics."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

_PYTHON_CELL_MAGICS = frozenset(
    ["time", "timeit", "capture", "prun", "mprun", "lprun", "memit", "python", "python3", "debug"]
)
_OTHER_LANGUAGES = frozenset(
    [
        "bash",
        "sh",
        "script",
        "html",
        "javascript",
        "js",
        "latex",
        "markdown",
        "svg",
        "writefile",
        "file",
        "perl",
        "ruby",
        "pypy",
        "cython",
        "sql",
        "R",
        "system",
        "sx",
    ],
)
_TIMING = frozenset(["time", "timeit", "capture", "prun"])
_MAGIC_LINE = re.compile(r"^(\s*)(%|!|\?|[\w.]+\?+\s*$).*$")
_TIMED_STATEMENT = re.compile(r"^(\s*)%(?:time|prun)\s+(?:-\S+\s+)*")
_ASSIGNED_MAGIC = re.compile(r"^(\s*[\w, ]+=\s*)(?:%|!).*$")


@lru_cache(maxsize=4096)
def parse_cell(source: str) -> ast.Module:
    r"""Syntax tree of a cell; empty for a cell in another language or one that is not Python.

    >>> ast.unparse(parse_cell("%%time\nx = 1"))
    'x = 1'
    """
    try:
        return _unwrapped(ast.parse(_python_of(source)))
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


def without_timing(text: str) -> str:
    r"""Take off the magics that only time Python or keep its prints; every line keeps its number.

    >>> without_timing("%%time\nx = 1\n    %time y = 2")
    '\nx = 1\n    y = 2'
    """
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if not line.strip():
            continue
        if re.split(r"\s", line.lstrip()[2:], maxsplit=1)[0] not in _TIMING or not line.lstrip().startswith("%%"):
            break
        lines[i] = ""
    return "\n".join(_TIMED_STATEMENT.sub(r"\1", line) for line in lines)


def _python_of(source: str) -> str:
    lines = source.splitlines()
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    if first is not None and lines[first].lstrip().startswith("%%"):
        name = re.split(r"\s", lines[first].lstrip()[2:], maxsplit=1)[0]
        if name in _OTHER_LANGUAGES:
            return ""
        lines[first] = ""
        # Magics can be stacked: %%capture over %%time.
        return _python_of("\n".join(lines)) if name in _PYTHON_CELL_MAGICS or lines[first + 1 :] else ""
    return "\n".join(_python_line(line) for line in lines)


def _python_line(line: str) -> str:
    if timed := _TIMED_STATEMENT.match(line):
        return timed.group(1) + line[timed.end() :]
    if assigned := _ASSIGNED_MAGIC.match(line):
        return assigned.group(1) + "None"
    if magic := _MAGIC_LINE.match(line):
        return magic.group(1) + "pass"
    return line


def _unwrapped(tree: ast.Module) -> ast.Module:
    """Replace ``get_ipython().run_cell_magic("time", "", code)`` by the code: this is how `In` shows ``%%time``."""
    body: list[ast.stmt] = []
    for statement in tree.body:
        code = _wrapped_code(statement)
        body += [statement] if code is None else parse_cell(code).body
    return ast.Module(body=body, type_ignores=[])


def _wrapped_code(statement: ast.stmt) -> str | None:
    if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
        return None
    call = statement.value
    if not isinstance(call.func, ast.Attribute):
        return None
    texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    if call.func.attr == "run_cell_magic" and len(texts) == 3:
        return f"%%{texts[0]} {texts[1]}\n{texts[2]}"
    if call.func.attr == "run_line_magic" and len(texts) == 2:
        return f"%{texts[0]} {texts[1]}"
    return None
