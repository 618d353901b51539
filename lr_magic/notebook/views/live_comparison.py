"""The live view of a comparison: one curve per rate, the verdict in words."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import bqplot
import numpy as np
from ipywidgets import HTML, Layout, VBox

from lr_magic.notebook.views.live_range_test import LIVE_CLASS
from lr_magic.notebook.views.redraw_clock import RedrawClock
from lr_magic.notebook.views.run_buttons import RunButtons
from lr_magic.pure.curve_reading.smoothing import smooth
from lr_magic.pure.picture import palette
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.picture.y_limits import y_limits

if TYPE_CHECKING:
    from lr_magic.pure.control import RunControl
    from lr_magic.pure.results.comparison_result import ComparisonResult, Trial
    from lr_magic.pure.results.records import StepRecord

_COLORS = (palette.LOSS, *palette.OVERLAYS, palette.CHOICE, palette.MUTED)


class LiveComparison:
    """A widget fed by `on_step` and `on_trial` during a comparison and by `finish` after it.

    Parameters
    ----------
    num_steps
        Length of each trial.
    control
        Where the Stop button sends its command.
    """

    def __init__(self, num_steps: int, control: RunControl) -> None:
        self._scales = {
            "x": bqplot.LinearScale(min=0, max=max(num_steps - 1, 1)),
            "y": bqplot.LinearScale(min=0.0, max=1.0),
        }
        axes = [
            bqplot.Axis(scale=self._scales["x"], label="step", grid_lines="none", tick_format=","),
            bqplot.Axis(scale=self._scales["y"], label="loss", orientation="vertical", grid_color="#8884"),
        ]
        self.figure = bqplot.Figure(
            marks=[], axes=axes, layout=Layout(width="100%", height="280px"), animation_duration=0,
            fig_margin={"top": 14, "bottom": 42, "left": 58, "right": 24}, background_style={"fill": "none"},
            display_toolbar=False,
        )  # fmt: skip
        self.status = HTML("<b>Comparison</b> · starting")
        self.table = HTML()
        self.buttons = RunButtons(control)
        self.widget = VBox([self.status, self.figure, self.buttons.widget, self.table])
        self.widget.add_class(LIVE_CLASS)
        self.lines: dict[float, bqplot.Lines] = {}
        self._losses: dict[float, list[float]] = {}
        self._trials: list[Trial] = []
        self._clock = RedrawClock()

    def on_step(self, lr: float, record: StepRecord) -> None:
        """Take one step of the trial at a rate."""
        self._losses.setdefault(lr, []).append(record.loss)
        if self._clock.is_due():
            self._draw(lr)
            self._clock.done()

    def on_trial(self, trial: Trial) -> None:
        """Take a finished trial."""
        self._trials.append(trial)
        self._losses[trial.lr] = list(trial.losses)
        self._draw(trial.lr)
        self.table.value = self._table_html(None)

    def finish(self, result: ComparisonResult) -> None:
        """Show the verdict."""
        self.buttons.hide()
        self.status.value = f"<b>Comparison</b> · {escape(result.sentence)}"
        self.table.value = self._table_html(result.winner)

    def _draw(self, lr: float) -> None:
        losses = smooth(np.array(self._losses[lr]))
        with self._line(lr).hold_sync():
            self._line(lr).x, self._line(lr).y = np.arange(len(losses)), losses
        limits = [y_limits(smooth(np.array(each)), above=0.1) for each in self._losses.values()]
        with self._scales["y"].hold_sync():
            self._scales["y"].min = min(low for low, _ in limits)
            self._scales["y"].max = max(high for _, high in limits)
        self.status.value = f"<b>Comparison</b> · lr {lr_text(lr)} · step {len(losses)}"

    def _line(self, lr: float) -> bqplot.Lines:
        if lr not in self.lines:
            color = _COLORS[len(self.lines) % len(_COLORS)]
            empty = np.array([])
            self.lines[lr] = bqplot.Lines(x=empty, y=empty, scales=self._scales, colors=[color], stroke_width=2)
            self.figure.marks = list(self.lines.values())
        return self.lines[lr]

    def _table_html(self, winner: Trial | None) -> str:
        rows = "".join(
            f'<div style="line-height:1.5;color:{self._line(trial.lr).colors[0]};'
            f'font-weight:{"bold" if trial is winner else "normal"}">lr {lr_text(trial.lr)}: final loss '
            f"{trial.final_loss:.4g}, {escape(trial.stop_reason.sentence)}</div>"
            for trial in self._trials
        )
        return f'<div aria-live="polite">{rows}</div>'
