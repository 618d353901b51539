"""The live view of a range test: the curve grows while the sweep runs, a click chooses the rate."""

from __future__ import annotations

from html import escape
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from ipywidgets import HTML, VBox

from lr_magic.notebook.comm_delivery import deliver_during_runs
from lr_magic.notebook.range_test_figure import RangeTestFigure
from lr_magic.notebook.redraw_clock import RedrawClock
from lr_magic.notebook.run_buttons import RunButtons
from lr_magic.notebook.status_line import Progress
from lr_magic.pure.lr_text import lr_text
from lr_magic.pure.smoothing import smooth
from lr_magic.pure.y_limits import SettlingLimits, y_limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from lr_magic.pure.control import RunControl
    from lr_magic.pure.range_test_result import RangeTestResult
    from lr_magic.pure.records import StepRecord

LIVE_CLASS = "lr-magic-live"
"""CSS class of every live view: where it is on the page, the static picture below it stays hidden."""


class LiveRangeTest:
    """A widget fed by `on_step` during the sweep and by `finish` after it.

    A click may arrive during the run from another thread, or after it: it only sets `chosen_lr`; during the run the
    loop's own redraw shows it.

    Parameters
    ----------
    start_lr, end_lr, num_steps, is_linear
        The planned sweep.
    control
        Where the buttons send their commands.
    """

    def __init__(
        self, start_lr: float, end_lr: float, num_steps: int | None, control: RunControl, *, is_linear: bool = False
    ) -> None:
        self.figure = RangeTestFigure(start_lr, end_lr, is_linear=is_linear)
        self.buttons = RunButtons(control)
        self.status = HTML()
        self.readout = HTML()
        self.widget = VBox([self.status, self.figure.figure, self.buttons.widget, self.readout])
        self.widget.add_class(LIVE_CLASS)
        self.chosen_lr: float | None = None
        self.on_choice: Callable[[], None] = _nothing
        self._num_steps = num_steps
        self._lrs: list[float] = []
        self._losses: list[float] = []
        self._limits = SettlingLimits()
        self._clock = RedrawClock()
        self._started = perf_counter()
        self._result: RangeTestResult | None = None
        self.figure.on_click(self._choose)
        for widget in (self.figure.click_area, *self.buttons.clickable):
            deliver_during_runs(widget)
        self._show_status()

    def on_step(self, record: StepRecord) -> None:
        """Take one step of the sweep; redraws when the time has come."""
        self._lrs.append(record.lr)
        self._losses.append(record.loss)
        if self._clock.is_due():
            self._redraw()
            self._clock.done()

    def finish(self, result: RangeTestResult) -> None:
        """Show the whole curve with its suggestion, what it says, and the choice."""
        self._lrs, self._losses = list(result.lrs), list(result.losses)
        if self.chosen_lr is not None:
            result.lr = self.chosen_lr
        self._redraw()
        self.figure.set_y_limits(*y_limits(result.smoothed_losses))
        self.buttons.hide()
        if result.suggestion is not None:
            self.figure.draw_suggestion(result.suggestion, _loss_at(result, result.suggestion), result.interval)
        self._result = result
        self._show_choice()

    def _redraw(self) -> None:
        if not self._lrs:
            return
        losses = np.array(self._losses)
        smoothed = smooth(losses)
        limits = self._limits.update(smoothed)
        if limits is not None:
            self.figure.set_y_limits(*limits)
        self.figure.draw_curve(np.array(self._lrs), losses, smoothed)
        if self.chosen_lr is not None:
            self.figure.draw_choice(self.chosen_lr)
        self._show_status()

    def _show_status(self) -> None:
        progress = Progress(len(self._lrs), self._num_steps, perf_counter() - self._started)
        now = f" · lr {lr_text(self._lrs[-1])} · loss {self._losses[-1]:.4g}" if self._lrs else ""
        self.status.value = progress_html(progress, escape(progress.text + now))

    def _choose(self, lr: float) -> None:
        lrs = np.array(self._lrs)
        if not len(lrs):
            return
        self.chosen_lr = float(lrs[np.argmin(np.abs(np.log(lrs / lr)))])
        if self._result is not None:
            self._result.lr = self.chosen_lr
            self._show_choice()
            self.on_choice()

    def _show_choice(self) -> None:
        result = self._result
        assert result is not None  # noqa: S101 - for the type checker: only called once there is one
        self.figure.draw_choice(result.lr if result.is_chosen else None)
        self.status.value = f"<b>Range test</b> · {len(result.lrs)} steps · {escape(_ending(result))}"
        self.readout.value = readout_html(result)


def _nothing() -> None:
    return


def _ending(result: RangeTestResult) -> str:
    sentence = result.stop_reason.sentence if result.stop_reason else "running"
    return f"{sentence}: {result.stop_detail}" if result.stop_detail else sentence


def _loss_at(result: RangeTestResult, lr: float) -> float:
    return float(np.interp(np.log(lr), np.log(result.lrs), result.smoothed_losses))


def progress_html(progress: Progress, text: str) -> str:
    """Draw a thin bar with a line of text above it."""
    percent = 100 * progress.fraction
    return (
        f'<div style="line-height:1.4"><div style="font-variant-numeric:tabular-nums">{text}</div>'
        '<div style="height:3px;background:#8883;border-radius:2px" role="progressbar" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent:.0f}">'
        f'<div style="height:3px;width:{percent:.1f}%;background:#0072B2;border-radius:2px"></div></div></div>'
    )


def readout_html(result: RangeTestResult) -> str:
    """Say what is chosen, what to type next and what the curve says."""
    lines = []
    if result.lr is None:
        lines.append(f"<b>No suggestion:</b> {escape(result.no_suggestion_reason)} Click the curve to choose yourself.")
    else:
        what = "Chosen" if result.is_chosen else "Suggested"
        lines.append(
            f"<b>{what}: lr {lr_text(result.lr)}</b>, loss there {_loss_at(result, result.lr):.4g}. "
            + ("" if result.is_chosen else "Click the curve to choose another one.")
        )
        lines.append(f"Train with it: <code>%fit_one_cycle 5 --max-lr {lr_text(result.lr, digits=3)}</code>")
    lines.append(escape(result.reading))
    return '<div style="line-height:1.5;max-width:60em">' + "<br>".join(lines) + "</div>"
