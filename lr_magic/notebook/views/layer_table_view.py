"""The table of layer groups, as HTML with its text beside it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.describe import si

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.pure.results.layer_table import LayerRow

_CELL = 'style="text-align:left;padding:1px 14px 1px 0"'


def layer_table(rows: Sequence[LayerRow], notes: Sequence[str]) -> dict[str, str]:
    """MIME bundle: layer groups from stem to head, what is trained in bold, and notes below."""
    cells = [["group", "layers", "params", "state"], *map(_cells, rows)]
    lines = "".join(_line(row, is_trained=rows[i - 1].num_trained > 0 and i > 0) for i, row in enumerate(cells))
    below = "".join(f"<div>{escape(note)}</div>" for note in notes)
    return {"text/html": f"<table>{lines}</table>{below}", "text/plain": layer_table_text(rows, notes)}


def layer_table_text(rows: Sequence[LayerRow], notes: Sequence[str] = ()) -> str:
    """The same in aligned columns."""
    cells = [["group", "layers", "params", "state"], *map(_cells, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([*lines, *notes])


def _cells(row: LayerRow) -> list[str]:
    norms = f", batch norms held: {row.num_held_norms}" if row.num_held_norms else ""
    return [str(row.number), row.label, si(row.num_parameters), row.state + norms]


def _line(cells: Sequence[str], *, is_trained: bool) -> str:
    weight = ' style="font-weight:bold"' if is_trained else ""
    return f"<tr{weight}>{''.join(f'<td {_CELL}>{escape(cell)}</td>' for cell in cells)}</tr>"
