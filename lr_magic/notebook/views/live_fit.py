"""The live view of a training: losses, schedule, epoch table, progress and time left."""

from __future__ import annotations

import math
from html import escape
from time import perf_counter
from typing import TYPE_CHECKING

from ipywidgets import HTML

from lr_magic.notebook.views.epoch_table import epoch_table_html
from lr_magic.notebook.views.event_lines import EventLines
from lr_magic.notebook.views.fit_figure import FitFigure
from lr_magic.notebook.views.live_frame import LiveFrame
from lr_magic.notebook.views.redraw_clock import RedrawClock
from lr_magic.notebook.views.run_buttons import RunButtons
from lr_magic.notebook.views.status_line import Progress, duration, ending_html, progress_html
from lr_magic.notebook.views.turns import Turns
from lr_magic.notebook.views.validation_curve import ValidationCurve
from lr_magic.pure.control import RunControl
from lr_magic.pure.counted import counted
from lr_magic.pure.curve_reading.smoothing import smooth
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.picture.thinning import ThinnedCurve
from lr_magic.pure.picture.y_limits import SettlingLimits, y_limits
from lr_magic.pure.results.fit_event import EventKind
from lr_magic.pure.results.fit_history import best_of

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

_EPOCHS_INTERVAL_S = 0.5


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
    can_extend
        Whether the training can be made longer; a loop of the person's own cannot.
    """

    def __init__(
        self,
        schedule: OneCycle,
        num_epochs: int | None,
        control: RunControl,
        *,
        has_momentum: bool,
        can_extend: bool = True,
    ) -> None:
        self.figure = FitFigure(schedule, has_momentum=has_momentum)
        self.buttons = RunButtons(
            control, [each for each in _STEERING if can_extend or each[0] is not RunControl.extend]
        )
        self.status = HTML()
        self.table = HTML()
        self.events = EventLines()
        self.frame = LiveFrame(
            [self.status, self.figure.widget, self.buttons.widget, self.table, self.events.widget],
            [
                "Plot of the training and validation loss by step; the table below it has the numbers of each epoch.",
                "Plot of the learning rate and momentum by step, as planned and as done so far.",
            ],
        )
        self.widget = self.frame.widget
        self._epoch_steps = schedule.total_steps / num_epochs if num_epochs else None
        self._curve = ThinnedCurve()
        self._lrs = ThinnedCurve()
        self._epochs: list[EpochRecord] = []
        self._validation = ValidationCurve()
        self._last: StepRecord | None = None
        self._limits = SettlingLimits()
        losses = (self._losses_turn,) * 5
        self._turns = Turns(*losses, self._draw_done, *losses, self._show_status)
        self._epochs_clock = RedrawClock(interval_s=_EPOCHS_INTERVAL_S)
        self._started = perf_counter()
        self._show_status()

    def on_step(self, record: StepRecord) -> None:
        """Take one step of the training; redraws when the time has come."""
        self._curve.append(record.loss)
        self._lrs.append(record.lr)
        self._last = record
        self._turns.take()

    def on_epoch(self, record: EpochRecord) -> None:
        """Take one finished epoch: a row of the table, a point of the validation curve."""
        self._epochs.append(record)
        if record.valid_loss is not None:
            self._validation.append(max(len(self._curve) - 1, 0), record.valid_loss)
        if self._epochs_clock.num_due():
            self._show_epochs()
            self._epochs_clock.done()

    def on_event(self, event: FitEvent) -> None:
        """Take what was done to the training: a line of words, a mark on the schedule, a new length."""
        if event.kind is EventKind.BLEW_UP:
            self.buttons.offer_roll_back()
        self.figure.change(event)
        self.events.append(event)

    def finish(self, history: FitHistory) -> None:
        """Show the whole training and how it ended."""
        losses = self._curve.means
        smoothed = smooth(losses)
        self.figure.set_y_limits(*y_limits(smoothed, losses))
        self._draw_losses(smoothed)
        self._draw_done()
        self._show_epochs()
        self.buttons.hide()
        self.frame.end()
        length = f"{counted(len(history.steps), 'step')} in {duration(self._elapsed_s)}"
        self.status.value = ending_html("One-cycle training", length, history)

    def _losses_turn(self) -> None:
        losses = self._curve.means
        smoothed = smooth(losses)
        limits = self._limits.update(smoothed, losses)
        if limits is None:
            self._draw_losses(smoothed)
        else:
            self.figure.set_y_limits(*limits)  # the curve follows at its next turn

    def _draw_losses(self, smoothed: np.ndarray) -> None:
        # where neighbouring steps share a bucket, the raw line goes through the extremes of each
        beside = self._curve.at_extremes
        self.figure.draw_losses(beside(self._curve.steps), self._curve.extremes, beside(smoothed))

    def _draw_done(self) -> None:
        self.figure.schedule.draw_done(self._lrs.steps, self._lrs.means)

    def _show_epochs(self) -> None:
        self.table.value = epoch_table_html(self._epochs, best_of(self._epochs))
        if len(self._validation):
            self.figure.draw_validation(*self._validation.points)
        if self._validation.best is not None:
            self.figure.mark_best(*self._validation.best)

    def _show_status(self) -> None:
        progress = Progress(len(self._curve), self.figure.schedule.total_steps, self._elapsed_s)
        parts = [self._epoch_text(), progress.text]
        if self._last is not None:
            parts.append(f"lr {lr_text(self._last.lr)}")
            if self._last.momentum is not None:
                parts.append(f"momentum {self._last.momentum:.3f}")
            parts.append(f"loss {self._last.loss:.4g}")
        self.status.value = progress_html(progress, escape(" · ".join(part for part in parts if part)))

    @property
    def _elapsed_s(self) -> float:
        return perf_counter() - self._started - self.buttons.paused_s

    def _epoch_text(self) -> str:
        if self._epoch_steps is None:
            return ""
        num_epochs = math.ceil(self.figure.schedule.total_steps / self._epoch_steps)
        number = min(len(self._epochs) + 1, num_epochs)
        part = min(max(len(self._curve) / self._epoch_steps - (number - 1), 0.0), 1.0)
        return f"epoch {number} of {num_epochs} ({part:.0%})"
