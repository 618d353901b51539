"""What every live view has around its parts: its place on the page, and lines that appear where something fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipywidgets import VBox

from lr_magic.notebook.views.delivery_hint import DeliveryHint
from lr_magic.notebook.views.no_plot_line import LIVE_CLASS, no_plot_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipywidgets import Widget


class LiveFrame:
    """The widget of a live view.

    Parameters
    ----------
    parts
        Widgets from top to bottom.
    """

    def __init__(self, parts: Sequence[Widget]) -> None:
        self.hint = DeliveryHint()
        self.widget = VBox([no_plot_line(), *parts, self.hint])
        self.widget.add_class(LIVE_CLASS)

    def end(self) -> None:
        """The run is over."""
        self.hint.end()
