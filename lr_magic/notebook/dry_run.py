"""``%fit_one_cycle --dry-run``: the plan as a table, and the time it would take."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from IPython.display import display

from lr_magic.pure.errors import SettingError
from lr_magic.training.cycle.preview import preview_fit

if TYPE_CHECKING:
    from lr_magic.notebook.settings.cycle_settings import CycleSettings
    from lr_magic.notebook.trainings import Training
    from lr_magic.pure.cycle.fit_preview import FitPreview


def show_preview(training: Training, settings: CycleSettings) -> None:
    """Show what a training would do.

    Raises
    ------
    SettingError
        For a whole training cell, whose parts are known only once it runs.
    """
    if training.setup is None:
        raise SettingError("--dry-run needs the line form or the for form: a whole training cell would have to be run.")
    preview = preview_fit(
        training.setup, max_lr=settings.max_lr, epochs=settings.epochs, steps=settings.steps, **settings.shape()
    )
    display({"text/html": _html(preview), "text/plain": str(preview)}, raw=True)


def _html(preview: FitPreview) -> str:
    cell = 'style="text-align:left;padding:1px 14px 1px 0"'
    rows = "".join(f"<tr>{''.join(f'<td {cell}>{escape(c)}</td>' for c in row)}</tr>" for row in preview.rows())
    return f"<table>{rows}</table><div>{escape(str(preview).splitlines()[-1])}</div>"
