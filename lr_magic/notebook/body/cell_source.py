"""Where a body stands: its file name and first line, so that a traceback shows the person's own line of the cell."""

from __future__ import annotations

import linecache
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CellSource:
    """Place of a body.

    Attributes
    ----------
    filename
        Name under which the cell's lines are found by tracebacks.
    first_line
        Line of the cell, from 1, on which the body begins.
    """

    filename: str = "<body of the magic>"
    first_line: int = 2


def cell_source(shell: Any, magic: str, line: str, body: str) -> CellSource:
    """Register the cell ``%%magic line`` + body with the shell, as the shell does with every cell it runs.

    Tracebacks then say ``Cell In[3], line 4`` and show that line as it was typed.
    """
    cell = _typed_cell(shell, body) or f"%%{magic} {line}\n{body}"
    # IPython's own registration takes a name, the number of the cell and its lines
    filename = shell.compile.cache(cell, shell.execution_count, raw_code=cell)
    return CellSource(filename=filename, first_line=_line_of(cell, body))


def local_source(line: str, body: str) -> CellSource:
    """Register a body that comes from no shell (a test, a script) under a name of its own."""
    text = f"{line}\n{body}"
    filename = f"<body {hash(text) & 0xFFFFFFFF:08x}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    return CellSource(filename=filename, first_line=2)


def _typed_cell(shell: Any, body: str) -> str | None:
    """Return the running cell as it was typed (other magics above it, blank lines first), or None if it is not kept."""
    history = getattr(shell, "history_manager", None)
    typed = history.input_hist_raw[-1] if history is not None and history.input_hist_raw else ""
    return typed if body.strip() and body.strip("\n") in typed else None


def _line_of(cell: str, body: str) -> int:
    start = cell.rfind(body.strip("\n"))
    leading_blank_lines = len(body) - len(body.lstrip("\n"))
    return cell.count("\n", 0, start) + 1 - leading_blank_lines
