"""The rate that the curvature allows: a dashed line in a band, named at its foot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bqplot
import numpy as np

from lr_magic.notebook.views.theme_colors import TEXT
from lr_magic.pure.picture import palette
from lr_magic.pure.picture.lr_text import lr_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lr_magic.pure.results.sharpness import Sharpness

_NOTHING = np.array([])


class SharpnessMarks:
    """Marks that span a range test's plot.

    Parameters
    ----------
    scales
        Learning rate as "x"; as "y" the height in the plot, 0 to 1.
    """

    def __init__(self, scales: Mapping[str, bqplot.Scale]) -> None:
        self._x_scale = scales["x"]
        self.band = bqplot.Lines(
            x=_NOTHING, y=_NOTHING, scales=scales, fill="between", fill_opacities=[0.12], stroke_width=0,
            colors=[palette.MUTED] * 2, fill_colors=[palette.MUTED],
        )  # fmt: skip
        self.line = bqplot.Lines(
            x=_NOTHING, y=_NOTHING, scales=scales, colors=[palette.MUTED], stroke_width=1.5, line_style="dashed"
        )
        self.name = bqplot.Label(
            x=_NOTHING, y=_NOTHING, text=[], scales=scales, colors=[TEXT], default_size=11,
            font_weight="normal", x_offset=-5, align="end",
        )  # fmt: skip
        self.marks = [self.band, self.line, self.name]

    def draw(self, sharpness: Sharpness) -> None:
        """Show the limit and its uncertainty, as far as they lie within the plot."""
        limit, interval = sharpness.limit_lr, sharpness.limit_interval
        if limit is None or interval is None or not self._x_scale.min <= limit <= self._x_scale.max:
            return
        self.band.x = np.clip(interval, self._x_scale.min, self._x_scale.max)
        self.band.y = np.array([[0.0] * 2, [1.0] * 2])
        self.line.x, self.line.y = np.array([limit] * 2), np.array([0.0, 1.0])
        self.name.x, self.name.y = np.array([limit]), np.array([0.1])
        self.name.text = [f"limit by curvature {lr_text(limit)}"]
