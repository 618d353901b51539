"""A line in a live view that shows where the plot cannot be drawn, with the reason."""

from __future__ import annotations

from ipywidgets import HTML

LIVE_CLASS = "lr-magic-live"
"""CSS class of every live view."""

_PLOT = ".bqplot"
LIVE_PLOT = f".{LIVE_CLASS} {_PLOT}"
"""CSS selector of a plot that is drawn: where there is one, the static picture below it stays hidden."""

_CLASS = "lr-magic-no-plot"
# A plot needs some time to load its scripts; the line waits for that.
_STYLE = f"""<style>
.{_CLASS} {{display: none}}
.{LIVE_CLASS}:not(:has({_PLOT})) .{_CLASS} {{display: block; animation: lr-magic-appear 0s 4s backwards}}
@keyframes lr-magic-appear {{from {{visibility: hidden; height: 0}}}}
</style>"""


def no_plot_line() -> HTML:
    """Make the line; it is seen only in a live view without a plot in it, and only after some seconds."""
    line = HTML(
        f"{_STYLE}The live plot cannot be drawn here: bqplot's scripts did not load (a front end without a connection "
        "loads none from outside). The run goes on, and its picture appears below when it ends."
    )
    line.add_class(_CLASS)
    return line
