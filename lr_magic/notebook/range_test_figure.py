"""The bqplot figure of a range test: its marks, axes and how each is set; no logic, no state of a run."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

import bqplot
import numpy as np
from ipywidgets import Image, Layout

from lr_magic.pure import palette
from lr_magic.pure.lr_text import lr_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NOTHING = np.array([])


class RangeTestFigure:
    """Loss against learning rate: raw and smoothed curve, threshold, suggestion, choice.

    Parameters
    ----------
    start_lr, end_lr
        Ends of the learning-rate axis.
    is_linear
        Whether the sweep, and with it the axis, is linear instead of geometric.
    """

    def __init__(self, start_lr: float, end_lr: float, *, is_linear: bool = False) -> None:
        scale_class = bqplot.LinearScale if is_linear else bqplot.LogScale
        self.x_scale = scale_class(min=start_lr, max=end_lr)
        self.y_scale = bqplot.LinearScale(min=0.0, max=1.0)
        scales = {"x": self.x_scale, "y": self.y_scale}
        # one mark for both curves: one message per redraw
        self.curve = bqplot.Lines(
            x=_NOTHING,
            y=_NOTHING,
            scales=scales,
            colors=[palette.LOSS, palette.LOSS],
            opacities=[0.3, 1.0],
            stroke_width=2,
        )
        self.threshold = _horizontal_line(scales)
        self.choice = bqplot.Lines(x=_NOTHING, y=_NOTHING, scales=scales, colors=[palette.CHOICE], stroke_width=2)
        self.choice_label = _label(scales, palette.CHOICE)
        self.suggestion = bqplot.Scatter(x=_NOTHING, y=_NOTHING, scales=scales, colors=[palette.SUGGESTION])
        self.suggestion_label = _label(scales, palette.SUGGESTION)
        self.interval = bqplot.Lines(
            x=_NOTHING, y=_NOTHING, scales=scales, fill="between", fill_opacities=[0.12], stroke_width=0,
            colors=[palette.SUGGESTION] * 2, fill_colors=[palette.SUGGESTION],
        )  # fmt: skip
        self.click_area = _click_area(scales, start_lr, end_lr)
        self.figure = bqplot.Figure(
            marks=[
                self.click_area, self.interval, self.threshold, self.curve,
                self.choice, self.choice_label, self.suggestion, self.suggestion_label,
            ],
            axes=_axes(self.x_scale, self.y_scale, start_lr, end_lr, is_linear=is_linear),
            layout=Layout(width="100%", height="340px"),
            fig_margin={"top": 24, "bottom": 46, "left": 62, "right": 24},
            background_style={"fill": "none"},
            animation_duration=0,
            display_toolbar=False,
        )  # fmt: skip

    def draw_curve(self, lrs: np.ndarray, losses: np.ndarray, smoothed_losses: np.ndarray) -> None:
        """Show what has been measured; (n,) float64 each."""
        with self.curve.hold_sync():
            self.curve.x = lrs
            self.curve.y = np.array([losses, smoothed_losses])

    def set_y_limits(self, low: float, high: float) -> None:
        """Move the loss axis, and with it what spans it."""
        with self.y_scale.hold_sync():
            self.y_scale.min, self.y_scale.max = low, high
        self.click_area.y = np.array([low, high])

    def draw_threshold(self, loss: float) -> None:
        """Show the loss above which the sweep ends."""
        with self.threshold.hold_sync():
            self.threshold.x = np.array([self.x_scale.min, self.x_scale.max])
            self.threshold.y = np.array([loss, loss])

    def draw_choice(self, lr: float | None) -> None:
        """Show the chosen learning rate as a vertical line with its value; None takes it away."""
        lrs = _NOTHING if lr is None else np.array([lr, lr])
        with self.choice.hold_sync():
            self.choice.x = lrs
            self.choice.y = _NOTHING if lr is None else self._beyond_the_axis
        _set_label(self.choice_label, lr, self.y_scale.max, "" if lr is None else lr_text(lr))

    def draw_suggestion(self, lr: float, loss: float, interval: tuple[float, float] | None) -> None:
        """Mark the suggestion on the curve and name it."""
        with self.suggestion.hold_sync():
            self.suggestion.x, self.suggestion.y = np.array([lr]), np.array([loss])
        _set_label(self.suggestion_label, lr, loss, f"suggested {lr_text(lr)}")
        if interval is not None:
            low, high = interval
            with self.interval.hold_sync():
                bottom, top = self._beyond_the_axis
                self.interval.x = np.array([low, high])
                self.interval.y = np.array([[bottom, bottom], [top, top]])

    @property
    def _beyond_the_axis(self) -> np.ndarray:
        """Ends of a vertical line that crosses the whole figure, also after the loss axis has moved."""
        low, high = self.y_scale.min, self.y_scale.max
        return np.array([low - 10 * (high - low), high + 10 * (high - low)])

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
    return [x_axis, y_axis]


def _decades(start_lr: float, end_lr: float) -> Sequence[float]:
    first, last = int(np.ceil(np.log10(start_lr) - 1e-9)), int(np.floor(np.log10(end_lr) + 1e-9))
    return [10.0**exponent for exponent in range(first, last + 1)] or [start_lr, end_lr]


def _horizontal_line(scales: dict[str, bqplot.Scale]) -> bqplot.Lines:
    return bqplot.Lines(
        x=_NOTHING, y=_NOTHING, scales=scales, colors=[palette.MUTED], line_style="dotted", stroke_width=1
    )


def _label(scales: dict[str, bqplot.Scale], color: str) -> bqplot.Label:
    return bqplot.Label(
        x=_NOTHING, y=_NOTHING, text=[], scales=scales, colors=[color], default_size=13, x_offset=7, y_offset=-5
    )


def _set_label(label: bqplot.Label, lr: float | None, loss: float, text: str) -> None:
    with label.hold_sync():
        label.x = _NOTHING if lr is None else np.array([lr])
        label.y = _NOTHING if lr is None else np.array([loss])
        label.text = [] if lr is None else [text]


def _click_area(scales: dict[str, bqplot.Scale], start_lr: float, end_lr: float) -> bqplot.Image:
    # bqplot gives the coordinates of a click only on an image (bqplot #972), so an empty one lies under the curve
    return bqplot.Image(
        image=_transparent_pixel(), scales=scales, x=np.array([start_lr, end_lr]), y=np.array([0.0, 1.0])
    )


def _transparent_pixel() -> Image:
    gif = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    return Image(value=b64decode(gif), format="gif")
