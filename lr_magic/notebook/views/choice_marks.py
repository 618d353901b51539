"""The marks of a finished range test: the suggestion with its interval, the other rules' ticks, choice and range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bqplot
import numpy as np

from lr_magic.pure.picture import palette
from lr_magic.pure.picture.lr_text import lr_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NOTHING = np.array([])


class ChoiceMarks:
    """Marks on the axes of a range test's figure.

    Parameters
    ----------
    x_scale, y_scale
        Learning rate and loss.
    """

    def __init__(self, x_scale: bqplot.Scale, y_scale: bqplot.Scale) -> None:
        self._y_scale = y_scale
        scales = {"x": x_scale, "y": y_scale}
        self.interval = _band(scales, palette.SUGGESTION)
        self.range = _band(scales, palette.CHOICE)
        self.choice = bqplot.Lines(x=_NOTHING, y=_NOTHING, scales=scales, colors=[palette.CHOICE], stroke_width=2)
        self.choice_label = _label(scales, palette.CHOICE)
        self.suggestion = bqplot.Scatter(x=_NOTHING, y=_NOTHING, scales=scales, colors=[palette.SUGGESTION])
        self.suggestion_label = _label(scales, palette.SUGGESTION)
        self.ticks = bqplot.Scatter(
            x=_NOTHING, y=_NOTHING, names=_NOTHING, display_names=False, scales=scales, colors=[palette.MUTED],
            marker="triangle-up", default_size=60,
            tooltip=bqplot.Tooltip(fields=["name", "x"], labels=["rule", "lr"], formats=["", ".2e"]),
        )  # fmt: skip
        self.brush = bqplot.interacts.BrushIntervalSelector(scale=x_scale, color=palette.CHOICE)
        # what lies above the area that takes the clicks takes the mouse from it: only what answers to it itself
        self.below = [self.interval, self.range, self.choice, self.choice_label, self.suggestion_label]
        self.above = [self.ticks, self.suggestion]

    def on_click(self, handler: Callable[[float], None]) -> None:
        """Call `handler` with the learning rate of a mark that is clicked."""
        for mark in (self.ticks, self.suggestion):
            mark.on_element_click(lambda _mark, event: handler(float(event["data"]["x"])))

    def draw_suggestion(self, lr: float, loss: float, interval: tuple[float, float] | None) -> None:
        """Mark the suggestion on the curve and name it."""
        with self.suggestion.hold_sync():
            self.suggestion.x, self.suggestion.y = np.array([lr]), np.array([loss])
        _set_label(self.suggestion_label, lr, loss, f"suggested {lr_text(lr)}")
        self._set_band(self.interval, interval)

    def draw_ticks(self, lrs: Mapping[str, float], loss_at: Callable[[float], float]) -> None:
        """Mark what every other rule suggests; its name shows under the mouse."""
        with self.ticks.hold_sync():
            self.ticks.x = np.array(list(lrs.values()))
            self.ticks.y = np.array([loss_at(lr) for lr in lrs.values()])
            self.ticks.names = np.array(list(lrs))

    def draw_choice(self, lr: float | None, lr_range: tuple[float, float] | None = None) -> None:
        """Show the choice: a vertical line with its value, or a band; None takes it away."""
        line_lr = None if lr_range is not None else lr
        with self.choice.hold_sync():
            self.choice.x = _NOTHING if line_lr is None else np.array([line_lr] * 2)
            self.choice.y = _NOTHING if line_lr is None else self._beyond_the_axis
        self._set_band(self.range, lr_range)
        text = "" if lr is None else lr_text(lr)
        if lr_range is not None:
            text = f"{lr_text(lr_range[0])} to {lr_text(lr_range[1])}"
        _set_label(self.choice_label, lr_range[0] if lr_range else lr, self._y_scale.max, text)

    def _set_band(self, band: bqplot.Lines, ends: tuple[float, float] | None) -> None:
        bottom, top = self._beyond_the_axis
        with band.hold_sync():
            band.x = _NOTHING if ends is None else np.array(ends)
            band.y = _NOTHING if ends is None else np.array([[bottom] * 2, [top] * 2])

    @property
    def _beyond_the_axis(self) -> np.ndarray:
        """Ends of a vertical line that crosses the whole figure, also after the loss axis has moved."""
        low, high = self._y_scale.min, self._y_scale.max
        return np.array([low - 10 * (high - low), high + 10 * (high - low)])


def _band(scales: dict[str, bqplot.Scale], color: str) -> bqplot.Lines:
    return bqplot.Lines(
        x=_NOTHING, y=_NOTHING, scales=scales, fill="between", fill_opacities=[0.12], stroke_width=0,
        colors=[color] * 2, fill_colors=[color],
    )  # fmt: skip


def _label(scales: dict[str, bqplot.Scale], color: str) -> bqplot.Label:
    return bqplot.Label(
        x=_NOTHING, y=_NOTHING, text=[], scales=scales, colors=[color], default_size=13, x_offset=7, y_offset=-5
    )


def _set_label(label: bqplot.Label, lr: float | None, loss: float, text: str) -> None:
    with label.hold_sync():
        label.x = _NOTHING if lr is None else np.array([lr])
        label.y = _NOTHING if lr is None else np.array([loss])
        label.text = [] if lr is None else [text]
