"""A tick at the top of the plot for what each other rule suggests, with its name; hovering explains the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bqplot
import numpy as np

from lr_magic.notebook.views.theme_colors import TEXT
from lr_magic.pure.curve_reading.suggestion import RULE_MEANINGS
from lr_magic.pure.picture import palette
from lr_magic.pure.picture.lanes import lanes
from lr_magic.pure.picture.lr_text import lr_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NOTHING = np.array([])
# Names are laid out for a narrow plot, so they lie apart in a wide one, too; parts of the plot's width and height.
_CHARACTER_WIDTH = 7 / 400
_LANE_HEIGHT = 0.055
_TICK_HEIGHT, _FIRST_LANE_HEIGHT = 0.985, 0.935


class RuleTicks:
    """Marks along the top edge of a range test's plot.

    Parameters
    ----------
    scales
        Learning rate as "x"; as "y" the height in the plot, 0 to 1.
    """

    def __init__(self, scales: Mapping[str, bqplot.Scale]) -> None:
        self._x_scale = scales["x"]
        self.marks = bqplot.Scatter(
            x=_NOTHING, y=_NOTHING, names=_NOTHING, display_names=False, scales=scales, colors=[palette.MUTED],
            marker="triangle-down", default_size=60, tooltip=explaining_tooltip(),
        )  # fmt: skip
        self.names = bqplot.Label(
            x=_NOTHING, y=_NOTHING, text=[], scales=scales, colors=[TEXT], default_size=11,
            font_weight="normal", align="middle",
        )  # fmt: skip

    def draw(self, suggestions: Mapping[str, float]) -> None:
        """Mark the learning rate of each rule."""
        lrs = np.array(list(suggestions.values()))
        centres = [self._place(lr) for lr in lrs]
        of_rule = lanes(centres, [_CHARACTER_WIDTH * (len(rule) + 2) for rule in suggestions])
        with self.marks.hold_sync():
            self.marks.x, self.marks.y = lrs, np.full(len(lrs), _TICK_HEIGHT)
            self.marks.names = np.array([explanation(rule, lr) for rule, lr in suggestions.items()])
        with self.names.hold_sync():
            self.names.x = lrs
            self.names.y = _FIRST_LANE_HEIGHT - _LANE_HEIGHT * np.array(of_rule, dtype=np.float64)
            self.names.text = list(suggestions)

    def on_click(self, handler: Callable[[float], None]) -> None:
        """Call `handler` with the learning rate of a tick that is clicked."""
        self.marks.on_element_click(lambda _mark, event: handler(float(event["data"]["x"])))

    def _place(self, lr: float) -> float:
        """Part of the plot's width that lies left of a learning rate."""
        low, high = self._x_scale.min, self._x_scale.max
        if isinstance(self._x_scale, bqplot.LogScale):
            low, high, lr = np.log(low), np.log(high), np.log(lr)
        return float((lr - low) / (high - low))


def explaining_tooltip() -> bqplot.Tooltip:
    """Show the name of the point under the mouse, which is a sentence."""
    return bqplot.Tooltip(fields=["name"], show_labels=False)


def explanation(rule: str, lr: float) -> str:
    """What a rule says, and how it comes to say so.

    Examples
    --------
    >>> explanation("minimum", 1e-2)
    'minimum 1e-2: a tenth of the rate with the lowest loss'
    """
    return f"{rule} {lr_text(lr)}: {RULE_MEANINGS[rule]}"
