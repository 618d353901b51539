"""The table of epochs, as HTML for a notebook and as text for everything else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from lr_magic.notebook.views.status_line import duration
from lr_magic.notebook.views.theme_colors import bar_below
from lr_magic.pure.picture import palette

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.pure.results.records import EpochRecord


# the header is the legend of the plot above it
_BARS = {"train_loss": bar_below(palette.LOSS), "valid_loss": bar_below(palette.VALIDATION)}
_MAX_ROWS = 30
_CELL_STYLE = "text-align:right;padding:1px 12px;line-height:1.4"


def epoch_table_cells(epochs: Sequence[EpochRecord]) -> list[list[str]]:
    """Header and one row per epoch, every cell as text."""
    metric_names = list(dict.fromkeys(name for epoch in epochs for name in epoch.metrics))
    has_validation = any(epoch.valid_loss is not None for epoch in epochs)
    header = ["epoch", "train_loss", *(["valid_loss"] if has_validation else []), *metric_names, "time"]
    rows = [
        [
            str(epoch.epoch),
            _number(epoch.train_loss),
            *([_number(epoch.valid_loss)] if has_validation else []),
            *(_number(epoch.metrics.get(name)) for name in metric_names),
            duration(epoch.seconds) if epoch.seconds >= 60 else f"{epoch.seconds:.1f} s",
        ]
        for epoch in epochs
    ]
    return [header, *rows]


def epoch_table_html(epochs: Sequence[EpochRecord], best: EpochRecord | None = None) -> str:
    """Table of the last epochs, and of the best one, which is marked; older ones are counted."""
    if not epochs:
        return ""
    header, *rows = epoch_table_cells(epochs)
    head = "".join(f'<th style="{_CELL_STYLE};{_BARS.get(cell, "")}">{escape(cell)}</th>' for cell in header)
    first = max(len(epochs) - _MAX_ROWS, 0)
    shown = [i for i, epoch in enumerate(epochs) if i >= first or epoch is best]
    body = "".join(_row_html(rows[i], is_best=epochs[i] is best) for i in shown)
    hidden = len(epochs) - len(shown)
    above = f'<div style="opacity:0.65">{hidden:,} epochs before these are not shown</div>' if hidden else ""
    return f'{above}<table style="font-variant-numeric:tabular-nums"><tr>{head}</tr>{body}</table>'


def epoch_table_text(epochs: Sequence[EpochRecord]) -> str:
    """Table of epochs in aligned columns."""
    if not epochs:
        return ""
    cells = epoch_table_cells(epochs)
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)


def _row_html(row: Sequence[str], *, is_best: bool) -> str:
    weight = ' style="font-weight:bold"' if is_best else ""
    cells = "".join(f'<td style="{_CELL_STYLE}">{escape(cell)}</td>' for cell in row)
    note = f'<td style="{_CELL_STYLE}">best</td>' if is_best else ""
    return f"<tr{weight}>{cells}{note}</tr>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 else f"{value:.3e}"
