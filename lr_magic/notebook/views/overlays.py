"""Earlier sweeps in the same plot, with a legend that shows and hides them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipywidgets import HBox, Layout, ToggleButton

from lr_magic.notebook.views.comm_delivery import deliver_during_runs
from lr_magic.pure.picture import palette

if TYPE_CHECKING:
    import bqplot

    from lr_magic.notebook.views.range_test_figure import RangeTestFigure
    from lr_magic.pure.results.range_test_result import RangeTestResult


class Overlays:
    """Draws earlier sweeps into a figure and holds one button for each.

    Parameters
    ----------
    figure
        Where they are drawn.
    """

    def __init__(self, figure: RangeTestFigure) -> None:
        self._figure = figure
        self.lines: list[bqplot.Lines] = []
        self.named: list[tuple[str, RangeTestResult]] = []
        self.widget = HBox([], layout=Layout(flex_flow="row wrap", flex="0 0 auto", min_height="0"))

    def add(self, label: str, result: RangeTestResult) -> None:
        """Draw one more sweep."""
        color = palette.OVERLAYS[len(self.lines) % len(palette.OVERLAYS)]
        line = self._figure.add_curve(result, color)
        name = self._name_for(label)
        button = ToggleButton(value=True, description=name, tooltip="Show or hide this sweep")
        button.layout = Layout(width="auto", border_bottom=f"3px solid {color}")
        button.observe(lambda change: setattr(line, "visible", change["new"]), "value")
        deliver_during_runs(button)
        self.lines.append(line)
        self.named.append((name, result))
        self.widget.children = [*self.widget.children, button]
        self.widget.layout.min_height = "34px"  # a box that was empty on the page does not grow by itself

    def _name_for(self, label: str) -> str:
        """The label, with a number where another sweep has it: two of one cell, or one zoomed into twice."""
        number = 1 + sum(name == label or name.startswith(f"{label} (") for name, _ in self.named)
        return label if number == 1 else f"{label} ({number})"
