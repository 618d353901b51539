"""The live view of a comparison: one curve per rate, the verdict in words."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import bqplot
import numpy as np
from ipywidgets import HTML

from lr_magic.notebook.views.command_line import CommandLine
from lr_magic.notebook.views.live_frame import LiveFrame
from lr_magic.notebook.views.readout import command_at
from lr_magic.notebook.views.run_buttons import RunButtons
from lr_magic.notebook.views.step_axes import step_axes, step_figure
from lr_magic.notebook.views.summary import trial_text
from lr_magic.notebook.views.theme_colors import bar_beside
from lr_magic.notebook.views.turns import Turns
from lr_magic.pure.curve_reading.smoothing import smooth
from lr_magic.pure.picture import palette
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.picture.thinning import ThinnedCurve
from lr_magic.pure.picture.y_limits import SettlingLimits, y_limits

if TYPE_CHECKING:
    from lr_magic.pure.control import RunControl
    from lr_magic.pure.results.comparison_result import ComparisonResult, Trial
    from lr_magic.pure.results.records import StepRecord


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
        self.figure = step_figure([], step_axes(self._scales["x"], self._scales["y"], "loss"), height="280px")
        self.status = HTML("<b>Comparison</b> · starting")
        self.table = HTML()
        self.buttons = RunButtons(control)
        self.command = CommandLine()
        self.frame = LiveFrame(
            [self.status, self.figure, self.buttons.widget, self.table, self.command],
            ["Plot of the smoothed loss by step, one line per learning rate; what it says stands below it."],
        )
        self.widget = self.frame.widget
        self.lines: dict[float, bqplot.Lines] = {}
        self._losses: dict[float, ThinnedCurve] = {}
        self._lr = 0.0
        self._trials: list[Trial] = []
        self._limits = SettlingLimits()
        line = self._line_turn
        self._turns = Turns(line, line, line, line, self._show_status)

    def on_step(self, lr: float, record: StepRecord) -> None:
        """Take one step of the trial at a rate."""
        if lr not in self._losses:
            self._losses[lr] = ThinnedCurve()
            self._line(lr)  # opened once per trial; a redraw then is one message
        self._lr = lr
        self._losses[lr].append(record.loss)
        self._turns.take()

    def on_trial(self, trial: Trial) -> None:
        """Take a finished trial."""
        self._trials.append(trial)
        if trial.lr in self._losses:
            self._draw(trial.lr)
        self.table.value = self._table_html(None)

    def finish(self, result: ComparisonResult) -> None:
        """Show the verdict, and every trial on one axis."""
        limits = [y_limits(self._smoothed(lr), above=0.1) for lr in self._losses]
        if limits:
            self._set_y_limits(min(low for low, _ in limits), max(high for _, high in limits))
        self.buttons.hide()
        self.frame.end()
        self.status.value = f"<b>Comparison</b> · {escape(result.sentence)}"
        self.table.value = self._table_html(result.winner)
        self.command.command = "" if result.lr is None else command_at(result.lr)

    def _line_turn(self) -> None:
        limits = self._limits.update(self._smoothed(self._lr))
        if limits is None:
            self._draw(self._lr)
        else:
            self._set_y_limits(*limits)  # the line follows at its next turn

    def _draw(self, lr: float) -> None:
        with self._line(lr).hold_sync():
            self._line(lr).x, self._line(lr).y = self._losses[lr].steps, self._smoothed(lr)

    def _smoothed(self, lr: float) -> np.ndarray:
        return smooth(self._losses[lr].means)

    def _set_y_limits(self, low: float, high: float) -> None:
        with self._scales["y"].hold_sync():
            self._scales["y"].min, self._scales["y"].max = low, high

    def _show_status(self) -> None:
        num_steps = len(self._losses[self._lr])
        self.status.value = f"<b>Comparison</b> · lr {lr_text(self._lr)} · step {num_steps:,}"

    def _line(self, lr: float) -> bqplot.Lines:
        if lr not in self.lines:
            color = palette.COMPARED[len(self.lines) % len(palette.COMPARED)]
            empty = np.array([])
            self.lines[lr] = bqplot.Lines(
                x=empty, y=empty, scales=self._scales, colors=[color], stroke_width=2,
                labels=[lr_text(lr)], labels_visibility="label",
            )  # fmt: skip
            self.figure.marks = list(self.lines.values())
        return self.lines[lr]

    def _table_html(self, winner: Trial | None) -> str:
        rows = "".join(
            f'<div style="line-height:1.5;{bar_beside(self._line(trial.lr).colors[0])};'
            f'font-weight:{"bold" if trial is winner else "normal"}">{escape(trial_text(trial))}</div>'
            for trial in self._trials
        )
        return f'<div aria-live="polite">{rows}</div>'
