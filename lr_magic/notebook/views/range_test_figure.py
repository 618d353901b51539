"""The bqplot figure of a range test while it runs: axes, curve, threshold, earlier sweeps; no state of a run."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

import bqplot
import numpy as np
from ipywidgets import Image, Layout

from lr_magic.notebook.views.choice_marks import ChoiceMarks
from lr_magic.notebook.views.sharpness_marks import SharpnessMarks
from lr_magic.notebook.views.theme_colors import TEXT
from lr_magic.pure.picture import palette

if TYPE_CHECKING:
    from collections.abc import Callable

    from lr_magic.pure.results.range_test_result import RangeTestResult

NOTHING = np.array([])
# A rate that is computed may miss the end of the axis by its last digits.
_JUST_BELOW = 1 - 1e-9
# A smaller part of the axis than this, about a pixel, is no movement.
_VISIBLE = 0.004


class RangeTestFigure:
    """Loss against learning rate: raw and smoothed curve, best loss so far, blow-up threshold, and the choice.

    Parameters
    ----------
    start_lr, end_lr
        Ends of the learning-rate axis, as far as known; see `widen_to`.
    is_linear
        Whether the sweep, and with it the axis, is linear instead of geometric.
    """

    def __init__(self, start_lr: float, end_lr: float, *, is_linear: bool = False) -> None:
        scale_class = bqplot.LinearScale if is_linear else bqplot.LogScale
        self.x_scale = scale_class(min=start_lr, max=end_lr)
        self.y_scale = bqplot.LinearScale(min=0.0, max=1.0)
        self._scales = {"x": self.x_scale, "y": self.y_scale}
        # what spans the plot has a height of its own, so it need not follow the loss axis
        height_scale = bqplot.LinearScale(min=0.0, max=1.0)
        # one mark for both curves: one message per redraw
        self.curve = bqplot.Lines(
            x=NOTHING, y=NOTHING, scales=self._scales, colors=[palette.LOSS] * 2, opacities=[0.3, 1.0], stroke_width=2
        )
        self.levels = bqplot.Lines(
            x=NOTHING, y=NOTHING, scales=self._scales, line_style="dotted", stroke_width=1.5,
            colors=[palette.MUTED, palette.SUGGESTION],
        )  # fmt: skip
        self.level_names = bqplot.Label(
            x=NOTHING, y=NOTHING, text=[], scales=self._scales, colors=[TEXT],
            default_size=11, font_weight="normal", y_offset=-4, x_offset=4,
        )  # fmt: skip
        self.sharpness = SharpnessMarks({"x": self.x_scale, "y": height_scale})
        self.click_area = _click_area({"x": self.x_scale, "y": height_scale}, start_lr, end_lr)
        self.choice = ChoiceMarks(self.x_scale, self.y_scale, height_scale)
        x_axis, y_axis = _axes(self.x_scale, self.y_scale, start_lr, end_lr, is_linear=is_linear)
        self._x_axis = x_axis
        self.figure = bqplot.Figure(
            marks=[
                *self.sharpness.marks,
                *self.choice.below,
                self.levels,
                self.level_names,
                self.curve,
                self.click_area,
                *self.choice.above,
            ],
            axes=[x_axis, y_axis],
            layout=Layout(width="100%", height="340px"),
            fig_margin={"top": 24, "bottom": 46, "left": 62, "right": 24},
            background_style={"fill": "none"},
            animation_duration=0,
            display_toolbar=False,
        )

    def widen_to(self, lr: float) -> None:
        """Move an end of the learning-rate axis out to the next whole decade, where the rate lies beyond it."""
        low, high = self.x_scale.min, self.x_scale.max
        if low * _JUST_BELOW <= lr <= high / _JUST_BELOW:
            return
        low, high = min(low, 10.0 ** np.floor(np.log10(lr))), max(high, 10.0 ** np.ceil(np.log10(lr * _JUST_BELOW)))
        with self.x_scale.hold_sync():
            self.x_scale.min, self.x_scale.max = low, high
        self._x_axis.tick_values = _decades(low, high)
        self.click_area.x = np.array([low, high])

    def draw_curve(self, lrs: np.ndarray, losses: np.ndarray, smoothed_losses: np.ndarray) -> None:
        """Show what has been measured; (n,) float64 each."""
        with self.curve.hold_sync():
            self.curve.x = lrs
            self.curve.y = np.array([losses, smoothed_losses])

    def draw_levels(self, threshold: float, best_loss: float) -> bool:
        """Show the loss above which the sweep ends, and the lowest smoothed loss so far; False if they stand there."""
        lrs = np.array([self.x_scale.min, self.x_scale.max])
        losses = np.array([[threshold] * 2, [best_loss] * 2])
        if self._stands_there(self.levels, lrs, losses):
            return False
        with self.levels.hold_sync():
            self.levels.visible, self.levels.x, self.levels.y = True, lrs, losses
        return True

    def draw_level_names(self, threshold: float, best_loss: float) -> bool:
        """Name the two levels where they are; False if the names stand there."""
        lrs, losses = np.array([self.x_scale.min] * 2), np.array([threshold, best_loss])
        if self._stands_there(self.level_names, lrs, losses):
            return False
        with self.level_names.hold_sync():
            self.level_names.visible, self.level_names.x, self.level_names.y = True, lrs, losses
            self.level_names.text = ["stops above", "best so far"]
        return True

    def _stands_there(self, mark: bqplot.Mark, lrs: np.ndarray, losses: np.ndarray) -> bool:
        """Whether a mark shows these values already, as far as the eye can tell."""
        if not mark.visible or not np.array_equal(mark.x, lrs):
            return False
        return bool(np.allclose(mark.y, losses, rtol=0.0, atol=_VISIBLE * (self.y_scale.max - self.y_scale.min)))

    def hide_levels(self) -> None:
        """Take the levels away: the run is over."""
        self.levels.visible = False
        self.level_names.visible = False

    def set_y_limits(self, low: float, high: float) -> None:
        """Move the loss axis."""
        with self.y_scale.hold_sync():
            self.y_scale.min, self.y_scale.max = low, high

    def add_curve(self, result: RangeTestResult, color: str) -> bqplot.Lines:
        """Draw the smoothed curve of another sweep; its mark can be hidden."""
        line = bqplot.Lines(x=result.lrs, y=result.smoothed_losses, scales=self._scales, colors=[color], stroke_width=2)
        above = self.figure.marks.index(self.curve)  # the sweep that is looked at lies on top
        self.figure.marks = [*self.figure.marks[:above], line, *self.figure.marks[above:]]
        return line

    def on_click(self, handler: Callable[[float], None]) -> None:
        """Call `handler` with the learning rate under the mouse at each click."""
        self.click_area.on_element_click(lambda _mark, event: handler(float(event["data"]["click_x"])))


def _axes(
    x_scale: bqplot.Scale, y_scale: bqplot.Scale, start_lr: float, end_lr: float, *, is_linear: bool
) -> list[bqplot.Axis]:
    x_axis = bqplot.Axis(scale=x_scale, label="learning rate", grid_lines="none", tick_format=".2g")
    if not is_linear:
        x_axis.tick_values = _decades(start_lr, end_lr)
        x_axis.tick_format = ".0e"
    y_axis = bqplot.Axis(scale=y_scale, label="loss", orientation="vertical", label_offset="46px")
    y_axis.grid_color = "#8884"
    x_axis.label_color = y_axis.label_color = TEXT
    return [x_axis, y_axis]


def _decades(start_lr: float, end_lr: float) -> list[float]:
    first, last = int(np.ceil(np.log10(start_lr) - 1e-9)), int(np.floor(np.log10(end_lr) + 1e-9))
    return [10.0**exponent for exponent in range(first, last + 1)] or [start_lr, end_lr]


def _click_area(scales: dict[str, bqplot.Scale], start_lr: float, end_lr: float) -> bqplot.Image:
    # bqplot gives the coordinates of a click only on an image (bqplot #972), so an empty one lies under the curve
    pixel = Image(value=b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"), format="gif")
    return bqplot.Image(image=pixel, scales=scales, x=np.array([start_lr, end_lr]), y=np.array([0.0, 1.0]))
