"""What every live view has around its parts: its place on the page, and lines that appear where something fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipywidgets import VBox

from lr_magic.notebook.views.delivery_hint import DeliveryHint
from lr_magic.notebook.views.kernel_gone_line import kernel_gone_line
from lr_magic.notebook.views.no_plot_line import LIVE_CLASS, no_plot_line
from lr_magic.notebook.views.plot_names import PlotNames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipywidgets import Widget


class LiveBox(VBox):
    """A box whose text, which stands in the saved notebook for readers that know no widgets, is for people."""

    def __repr__(self) -> str:
        return "(a live plot while the notebook runs; below is its picture)"


class LiveFrame:
    """The widget of a live view.

    Parameters
    ----------
    parts
        Widgets from top to bottom.
    plot_names
        What a screen reader says of each plot among them.
    """

    def __init__(self, parts: Sequence[Widget], plot_names: Sequence[str]) -> None:
        self.hint = DeliveryHint()
        self.widget = LiveBox(
            [no_plot_line(), kernel_gone_line(), *parts, self.hint, PlotNames(names=list(plot_names))]
        )
        self.widget.add_class(LIVE_CLASS)

    def begin_again(self) -> None:
        """Another run begins."""
        self.hint.begin_again()

    def end(self) -> None:
        """The run is over."""
        self.hint.end()
