"""The static picture below a live view: unseen while the view lives, alone when it does not.

A saved notebook that is opened without its kernel shows *Error displaying widget* where the widget was, also when the
output holds an image beside it. So the picture and its words are outputs of their own, below the widget's, and style
rules (they stand in the report above the widget, so they are saved with the notebook) do the rest: where the live view
is on the page, the outputs after it are hidden; where a widget's output has no content but its error line, that line
is. Where a page strips styles, everything shows.
"""

from __future__ import annotations

from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

from IPython.display import display, update_display

from lr_magic.notebook.views.no_plot_line import LIVE_PLOT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REPORT_CLASS = "lr-magic-report"
"""CSS class of the report above the live view, which carries the style rules."""

SUMMARY_CLASS = "lr-magic-summary"
"""CSS class of the words below the picture."""

_OUTPUT = ".jp-OutputArea-child"
_LIVE = f"{_OUTPUT}:has({LIVE_PLOT})"
STYLE = (
    f"<style>{_LIVE} + {_OUTPUT}, {_LIVE} + {_OUTPUT} + {_OUTPUT}:has(.{SUMMARY_CLASS}) {{display: none}} "
    f"{_OUTPUT}:has(.{REPORT_CLASS}) + {_OUTPUT} > .jp-OutputArea-output.jupyter-widgets:not(:has(*)) "
    "{display: none}</style>"
)


def summary_bundle(text: str, more_html: str = "") -> dict[str, object]:
    """MIME bundle with the words below the picture, as HTML (with what belongs below them) and as plain text."""
    lines = "<br>".join(escape(line) for line in text.splitlines())
    html = f'<div class="{SUMMARY_CLASS}" style="max-width:60em">{lines}{more_html}</div>'
    return {"text/html": html, "text/plain": text}


def picture_bundle(figure: Figure, text: str) -> dict[str, object]:
    """MIME bundle with the figure as PNG and its content in words."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    return {"image/png": buffer.getvalue(), "text/plain": text}


def display_picture(figure: Figure, text: str) -> None:
    """Display a figure; its words are what a screen reader says of it."""
    display(picture_bundle(figure, text), raw=True, metadata=_alternative(text))


class SavedPicture:
    """The picture and the words that were displayed; both can be replaced where they stand."""

    def __init__(self, figure: Figure, text: str, more_html: str = "") -> None:
        bundle = picture_bundle(figure, text)
        self._picture_id = display(bundle, raw=True, metadata=_alternative(text), display_id=True).display_id
        self._summary_id = display(summary_bundle(text, more_html), raw=True, display_id=True).display_id

    def update(self, figure: Figure, text: str, more_html: str = "") -> None:
        """Replace both."""
        bundle = picture_bundle(figure, text)
        update_display(bundle, raw=True, metadata=_alternative(text), display_id=self._picture_id)
        update_display(summary_bundle(text, more_html), raw=True, display_id=self._summary_id)


def _alternative(text: str) -> dict[str, dict[str, str]]:
    return {"image/png": {"alt": text}}
