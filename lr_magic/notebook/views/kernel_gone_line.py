"""A line in a live view that shows once the view's kernel is gone: the plot stays, but nobody hears its clicks."""

from __future__ import annotations

from ipywidgets import HTML

from lr_magic.notebook.views.no_plot_line import LIVE_CLASS

_GONE = "jupyter-widgets-disconnected"  # the widget manager's own class, which it takes off when the kernel is back
_CLASS = "lr-magic-kernel-gone"
# The manager puts a red icon before each of a view's dozen widgets; one line says more.
_STYLE = f"""<style>
.{_CLASS} {{display: none}}
.{LIVE_CLASS}.{_GONE} .{_CLASS} {{display: block}}
.{LIVE_CLASS}.{_GONE}::before, .{LIVE_CLASS} .{_GONE}::before {{content: none}}
</style>"""


def kernel_gone_line() -> HTML:
    """Make the line; it is seen only in a live view whose kernel has ended or was restarted."""
    line = HTML(
        f"{_STYLE}The kernel of this plot has ended, so clicks choose nothing any more. "
        "Run the cell again for a live one."
    )
    line.add_class(_CLASS)
    return line
