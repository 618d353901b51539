"""The live view of a range test: the curve grows while the sweep runs; then it is chosen on."""

from __future__ import annotations

from html import escape
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from ipywidgets import HTML, VBox

from lr_magic.notebook.views.choice_panel import ChoicePanel
from lr_magic.notebook.views.overlays import Overlays
from lr_magic.notebook.views.range_test_figure import RangeTestFigure
from lr_magic.notebook.views.redraw_clock import RedrawClock
from lr_magic.notebook.views.run_buttons import RunButtons
from lr_magic.notebook.views.status_line import Progress, ending_html, progress_html
from lr_magic.pure.curve_reading.divergence import DivergenceRule
from lr_magic.pure.curve_reading.smoothing import smooth
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.picture.y_limits import SettlingLimits, y_limits

if TYPE_CHECKING:
    from lr_magic.pure.control import RunControl
    from lr_magic.pure.results.range_test_result import RangeTestResult
    from lr_magic.pure.results.records import StepRecord

LIVE_CLASS = "lr-magic-live"
"""CSS class of every live view: where it is on the page, the static picture below it stays hidden."""

_STATUS_INTERVAL_S = 0.4


class LiveRangeTest:
    """A widget fed by `on_step` during the sweep and by `finish` after it.

    Parameters
    ----------
    start_lr, end_lr, num_steps, is_linear, divergence_factor
        The planned sweep; `num_steps` is None where its length is a time.
    control
        Where the buttons send their commands.
    """

    def __init__(
        self,
        start_lr: float,
        end_lr: float,
        num_steps: int | None,
        control: RunControl,
        *,
        is_linear: bool = False,
        divergence_factor: float = 4.0,
    ) -> None:
        self.figure = RangeTestFigure(start_lr, end_lr, is_linear=is_linear)
        self.panel = ChoicePanel(self.figure)
        self.buttons = RunButtons(control)
        self.status = HTML()
        self.overlays = Overlays(self.figure)
        self.widget = VBox(
            [self.status, self.figure.figure, self.buttons.widget, self.overlays.widget, self.panel.widget]
        )
        self.widget.add_class(LIVE_CLASS)
        self._num_steps = num_steps
        self._divergence_factor = divergence_factor
        self._redraws = RedrawClock()
        self._statuses = RedrawClock(interval_s=_STATUS_INTERVAL_S)
        self._result: RangeTestResult | None = None
        self._begin()

    def _begin(self) -> None:
        self._lrs: list[float] = []
        self._losses: list[float] = []
        self._rule = DivergenceRule(self._divergence_factor)
        self._limits = SettlingLimits()
        self._started = perf_counter()
        self._show_status()

    def restart(self, control: RunControl) -> None:
        """Another sweep follows in the same plot; the one before stays as an overlay."""
        if self._result is not None:
            self.overlays.add("before", self._result)
        self.panel.close()
        self.buttons.reopen(control)
        self._begin()

    def on_step(self, record: StepRecord) -> None:
        """Take one step of the sweep; redraws when the time has come."""
        self._lrs.append(record.lr)
        self._losses.append(record.loss)
        self._rule.update(record.loss)
        if self._redraws.is_due():
            self._redraw()
            self._redraws.done()

    def finish(self, result: RangeTestResult) -> None:
        """Show the whole curve with its suggestion, what it says, and the choice."""
        self.figure.draw_curve(result.lrs, result.losses, result.smoothed_losses)
        limits = [y_limits(each.smoothed_losses) for each in (*self.overlays.results, result)]
        self.figure.set_y_limits(min(low for low, _ in limits), max(high for _, high in limits))
        self._result = result
        self.figure.hide_levels()
        self.buttons.hide()
        self.status.value = ending_html("Range test", f"{len(result.lrs)} steps", result)
        self.panel.open(result)

    def _redraw(self) -> None:
        losses = np.array(self._losses)
        smoothed = smooth(losses)
        limits = self._limits.update(smoothed)
        if limits is not None:
            self.figure.set_y_limits(*limits)
        self.figure.draw_curve(np.array(self._lrs), losses, smoothed)
        if self.panel.pending_lr is not None:
            self.figure.choice.draw_choice(self.panel.pending_lr)
        if self._statuses.is_due():
            self._show_levels(smoothed)
            self._show_status()
            self._statuses.done()

    def _show_levels(self, smoothed: np.ndarray) -> None:
        finite = smoothed[np.isfinite(smoothed)]
        if self._rule.threshold is not None and len(finite):
            self.figure.draw_levels(self._rule.threshold, float(finite.min()))

    def _show_status(self) -> None:
        progress = Progress(len(self._lrs), self._num_steps, perf_counter() - self._started)
        now = f" · lr {lr_text(self._lrs[-1])} · loss {self._losses[-1]:.4g}" if self._lrs else ""
        self.status.value = progress_html(progress, escape(progress.text + now))
