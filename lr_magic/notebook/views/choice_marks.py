"""The marks of a finished range test: the suggestion with its interval, the other rules' ticks, choice and range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bqplot
import numpy as np

from lr_magic.notebook.views.rule_ticks import RuleTicks, explaining_tooltip, explanation
from lr_magic.notebook.views.theme_colors import TEXT
from lr_magic.pure.curve_reading.suggestion import DEFAULT_RULE
from lr_magic.pure.picture import palette
from lr_magic.pure.picture.lr_text import lr_text

if TYPE_CHECKING:
    from collections.abc import Callable

_NOTHING = np.array([])
_TOP = 1.0


class ChoiceMarks:
    """Marks on the axes of a range test's figure.

    Parameters
    ----------
    x_scale, y_scale
        Learning rate and loss.
    height_scale
        Height in the plot, 0 to 1: for what spans it wherever the loss axis stands.
    """

    def __init__(self, x_scale: bqplot.Scale, y_scale: bqplot.Scale, height_scale: bqplot.Scale) -> None:
        on_curve, spanning = {"x": x_scale, "y": y_scale}, {"x": x_scale, "y": height_scale}
        self.interval = _band(spanning, palette.SUGGESTION)
        self.proposed = _band(spanning, palette.SUGGESTION)
        self.proposed_label = _label(spanning)
        self.range = _band(spanning, palette.CHOICE)
        self.choice = bqplot.Lines(x=_NOTHING, y=_NOTHING, scales=spanning, colors=[palette.CHOICE], stroke_width=2)
        self.choice_label = _label(spanning)
        self.suggestion = bqplot.Scatter(
            x=_NOTHING, y=_NOTHING, names=_NOTHING, display_names=False, scales=on_curve, colors=[palette.SUGGESTION],
            tooltip=explaining_tooltip(),
        )  # fmt: skip
        self.suggestion_label = _label(on_curve)
        self.ticks = RuleTicks(spanning)
        self.brush = bqplot.interacts.BrushIntervalSelector(scale=x_scale, color=palette.CHOICE)
        # what lies above the area that takes the clicks takes the mouse from it: only what answers to it itself
        bands = [self.interval, self.proposed, self.range]
        labels = [self.proposed_label, self.choice_label, self.suggestion_label, self.ticks.names]
        self.below = [*bands, self.choice, *labels]
        self.above = [self.ticks.marks, self.suggestion]

    def on_click(self, handler: Callable[[float], None]) -> None:
        """Call `handler` with the learning rate of a mark that is clicked."""
        self.ticks.on_click(handler)
        self.suggestion.on_element_click(lambda _mark, event: handler(float(event["data"]["x"])))

    def draw_suggestion(self, point: tuple[float, float] | None, interval: tuple[float, float] | None) -> None:
        """Mark the suggestion, (lr, loss), on the curve and name it; None takes that of a sweep before away."""
        lr, loss = point or (None, None)
        with self.suggestion.hold_sync():
            self.suggestion.x = _NOTHING if lr is None else np.array([lr])
            self.suggestion.y = _NOTHING if lr is None else np.array([loss])
            self.suggestion.names = _NOTHING if lr is None else np.array([explanation(DEFAULT_RULE, lr)])
        _set_label(self.suggestion_label, lr, loss, "" if lr is None else f"suggested {lr_text(lr)}")
        _set_band(self.interval, interval)

    def draw_proposed(self, lr_range: tuple[float, float] | None) -> None:
        """Show the range that is proposed for an unfrozen model; None takes it away."""
        _set_band(self.proposed, lr_range)
        low, high = lr_range or (None, None)
        text = "" if low is None or high is None else f"proposed {lr_text(low)} to {lr_text(high)}"
        _set_label(self.proposed_label, low, 0.04, text)

    def draw_choice(self, lr: float | None, lr_range: tuple[float, float] | None = None) -> None:
        """Show the choice: a vertical line with its value, or a band; None takes it away."""
        line_lr = None if lr_range is not None else lr
        with self.choice.hold_sync():
            self.choice.x = _NOTHING if line_lr is None else np.array([line_lr] * 2)
            self.choice.y = _NOTHING if line_lr is None else np.array([0.0, _TOP])
        _set_band(self.range, lr_range)
        text = "" if lr is None else lr_text(lr)
        if lr_range is not None:
            text = f"{lr_text(lr_range[0])} to {lr_text(lr_range[1])}"
        _set_label(self.choice_label, lr_range[0] if lr_range else lr, _TOP, text)


def _band(scales: dict[str, bqplot.Scale], color: str) -> bqplot.Lines:
    return bqplot.Lines(
        x=_NOTHING, y=_NOTHING, scales=scales, fill="between", fill_opacities=[0.12], stroke_width=0,
        colors=[color] * 2, fill_colors=[color],
    )  # fmt: skip


def _set_band(band: bqplot.Lines, ends: tuple[float, float] | None) -> None:
    with band.hold_sync():
        band.x = _NOTHING if ends is None else np.array(ends)
        band.y = _NOTHING if ends is None else np.array([[0.0] * 2, [_TOP] * 2])


def _label(scales: dict[str, bqplot.Scale]) -> bqplot.Label:
    return bqplot.Label(
        x=_NOTHING, y=_NOTHING, text=[], scales=scales, colors=[TEXT], default_size=13, x_offset=7, y_offset=-5
    )


def _set_label(label: bqplot.Label, lr: float | None, height: float | None, text: str) -> None:
    with label.hold_sync():
        label.x = _NOTHING if lr is None else np.array([lr])
        label.y = _NOTHING if lr is None else np.array([height])
        label.text = [] if lr is None else [text]
