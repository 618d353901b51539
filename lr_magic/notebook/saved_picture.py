"""The static picture below a live view: unseen while the view lives, alone when it does not.

A saved notebook that is opened without its kernel shows *Error displaying widget* where the widget was, also when the
output holds an image beside it. So the picture is an output of its own, below the widget's, and two style rules (they
stand in the report above the widget, so they are saved with the notebook) do the rest: where the live view is on the
page, the output after it is hidden; where a widget's output has no content but its error line, that line is hidden.
Where a page strips styles, the picture simply shows.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from lr_magic.notebook.live_range_test import LIVE_CLASS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REPORT_CLASS = "lr-magic-report"
"""CSS class of the report above the live view, which carries the style rules."""

_OUTPUT = ".jp-OutputArea-child"
STYLE = (
    f"<style>{_OUTPUT}:has(.{LIVE_CLASS}) + {_OUTPUT} {{display: none}} "
    f"{_OUTPUT}:has(.{REPORT_CLASS}) + {_OUTPUT} .jupyter-widgets:not(:has(*)) {{display: none}}</style>"
)


def picture_bundle(figure: Figure, text: str) -> dict[str, object]:
    """MIME bundle with the figure as PNG and its content in words."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    return {"image/png": buffer.getvalue(), "text/plain": text}
