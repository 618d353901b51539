"""What a screen reader says of the plots in a live view."""

from __future__ import annotations

from pathlib import Path

import anywidget
from traitlets import List, Unicode


class PlotNames(anywidget.AnyWidget):
    """Names the plots of the live view that it stands in; it shows nothing itself."""

    _esm = Path(__file__).with_name("plot_names.js")

    names = List(Unicode()).tag(sync=True)
    """What is said of each plot, in the order in which they stand on the page."""
