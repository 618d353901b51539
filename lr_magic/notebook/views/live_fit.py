"""The live view of a training: losses, schedule, epoch table, progress and time left."""

from __future__ import annotations

from html import escape
from time import perf_counter
from typing import TYPE_CHECKING

from ipywidgets import HTML, VBox

from lr_magic.notebook.views.epoch_table import epoch_table_html
from lr_magic.notebook.views.fit_figure import FitFigure
from lr_magic.notebook.views.live_range_test import LIVE_CLASS
from lr_magic.notebook.views.redraw_clock import RedrawClock
from lr_magic.notebook.views.run_buttons import RunButtons
from lr_magic.notebook.views.status_line import Progress, duration, ending_html, progress_html
from lr_magic.pure.control import RunControl
from lr_magic.pure.curve_reading.smoothing import smooth
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.picture.thinning import ThinnedCurve
from lr_magic.pure.picture.y_limits import SettlingLimits, y_limits
from lr_magic.pure.results.fit_event import EventKind

if TYPE_CHECKING:
    import numpy as np

    from lr_magic.pure.results.fit_event import FitEvent
    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.pure.results.records import EpochRecord, StepRecord
    from lr_magic.pure.schedules import OneCycle

_STEERING = (
    (
        RunControl.anneal,
        "Anneal now",
        "angle-double-down",
        "Cool down from the current rate, then end: stop early and land well",
    ),
    (RunControl.extend, "Extend", "plus", "Make the cycle one epoch longer"),
    (RunControl.lower_peak, "Lower rates", "arrow-down", "Divide the rates by 3 from the next step on"),
)


class LiveFit:
    """A widget fed by `on_step` and `on_epoch` during the training and by `finish` after it.

    Parameters
    ----------
    schedule
        The planned cycle; of several param groups the one with the highest peak.
    num_epochs
        Planned number of epochs; None where the run is counted in steps.
    control
        Where the buttons send their commands.
    has_momentum
        Whether the optimizer has a momentum that is cycled.
    """

    def __init__(self, schedule: OneCycle, num_epochs: int | None, control: RunControl, *, has_momentum: bool) -> None:
        self.figure = FitFigure(schedule, has_momentum=has_momentum)
        self.buttons = RunButtons(control, _STEERING)
        self.status = HTML()
        self.table = HTML()
        self.events = HTML()
        self.widget = VBox([self.status, self.figure.widget, self.buttons.widget, self.table, self.events])
        self.widget.add_class(LIVE_CLASS)
        self._num_steps = schedule.total_steps
        self._num_epochs = num_epochs
        self._curve = ThinnedCurve()
        self._lrs = ThinnedCurve()
        self._epochs: list[EpochRecord] = []
        self._epoch_ends: list[int] = []
        self._last: StepRecord | None = None
        self._limits = SettlingLimits()
        self._clock = RedrawClock()
        self._started = perf_counter()
        self._show_status()

    def on_step(self, record: StepRecord) -> None:
        """Take one step of the training; redraws when the time has come."""
        self._curve.append(record.loss)
        self._lrs.append(record.lr)
        self._last = record
        if self._clock.is_due():
            self._redraw()
            self._clock.done()

    def on_epoch(self, record: EpochRecord) -> None:
        """Take one finished epoch: a row of the table, a point of the validation curve."""
        self._epochs.append(record)
        self._epoch_ends.append(max(len(self._curve) - 1, 0))
        self._show_epochs()
        self._redraw()

    def on_event(self, event: FitEvent) -> None:
        """Take what was done to the training: a line of words, a mark on the schedule, a new length."""
        if event.kind is EventKind.BLEW_UP:
            self.buttons.offer_roll_back()
        if event.kind is EventKind.ANNEALED and event.amount is not None:
            self._num_steps = event.step + int(event.amount)
        elif event.kind is EventKind.EXTENDED and event.amount is not None:
            self._num_steps += int(event.amount)
        self.figure.set_length(self._num_steps)
        self.figure.mark_event(event.step, self._last.lr if self._last else 0.0, event.sentence)
        self.events.value += f'<div style="line-height:1.5">step {event.step:,}: {escape(event.sentence)}</div>'

    def finish(self, history: FitHistory) -> None:
        """Show the whole training and how it ended."""
        self._redraw()
        self.figure.set_y_limits(*y_limits(smooth(self._curve.means)))
        self.buttons.hide()
        best = history.best_epoch
        self.table.value = epoch_table_html(history.epochs, best)
        length = f"{len(history.steps):,} steps in {duration(perf_counter() - self._started)}"
        self.status.value = ending_html("One-cycle training", length, history)

    def _redraw(self) -> None:
        if self._last is None:
            return
        means = self._curve.means
        smoothed = smooth(means)
        self._move_limits(smoothed)
        self.figure.draw_losses(self._curve.envelope, (self._curve.steps, smoothed))
        self.figure.draw_done(self._lrs.steps, self._lrs.means)
        self._show_status()

    def _move_limits(self, smoothed: np.ndarray) -> None:
        limits = self._limits.update(smoothed)
        if limits is not None:
            self.figure.set_y_limits(*limits)

    def _show_epochs(self) -> None:
        self.table.value = epoch_table_html(self._epochs)
        with_validation = [
            (end, epoch.valid_loss)
            for end, epoch in zip(self._epoch_ends, self._epochs, strict=True)
            if epoch.valid_loss is not None
        ]
        if with_validation:
            self.figure.draw_validation([end for end, _ in with_validation], [loss for _, loss in with_validation])

    def _show_status(self) -> None:
        progress = Progress(len(self._curve), self._num_steps, perf_counter() - self._started)
        parts = [self._epoch_text(), progress.text]
        if self._last is not None:
            parts.append(f"lr {lr_text(self._last.lr)}")
            if self._last.momentum is not None:
                parts.append(f"momentum {self._last.momentum:.3f}")
            parts.append(f"loss {self._last.loss:.4g}")
        self.status.value = progress_html(progress, escape(" · ".join(part for part in parts if part)))

    def _epoch_text(self) -> str:
        if self._num_epochs is None:
            return ""
        return f"epoch {min(len(self._epochs) + 1, self._num_epochs)} of {self._num_epochs}"
