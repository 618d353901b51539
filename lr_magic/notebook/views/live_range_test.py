"""The live view of a range test: the curve grows while the sweep runs; then it is chosen on."""

from __future__ import annotations

from html import escape
from time import perf_counter
from typing import TYPE_CHECKING

from ipywidgets import HTML

from lr_magic.notebook.views.choice_panel import ChoicePanel
from lr_magic.notebook.views.growing_curve import GrowingCurve
from lr_magic.notebook.views.live_frame import LiveFrame
from lr_magic.notebook.views.overlays import Overlays
from lr_magic.notebook.views.range_test_figure import RangeTestFigure
from lr_magic.notebook.views.run_buttons import RunButtons
from lr_magic.notebook.views.status_line import ending_html, progress_html
from lr_magic.notebook.views.step_count import StepCount
from lr_magic.notebook.views.turns import Turns
from lr_magic.pure.counted import counted
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.picture.y_limits import SettlingLimits, loss_limits

if TYPE_CHECKING:
    from lr_magic.pure.control import RunControl
    from lr_magic.pure.results.range_test_result import RangeTestResult
    from lr_magic.pure.results.records import StepRecord
    from lr_magic.pure.results.sharpness import Sharpness


class LiveRangeTest:
    """A widget fed by `on_step` during the sweep and by `finish` after it.

    Parameters
    ----------
    start_lr, end_lr, num_steps, is_linear, divergence_factor
        The planned sweep; `num_steps` is None where its length is not known.
    control
        Where the buttons send their commands.
    is_adaptive
        Whether the sweep chooses its rates: then the ends are where it is expected to stay.
    """

    def __init__(
        self,
        start_lr: float,
        end_lr: float,
        num_steps: int | None,
        control: RunControl,
        *,
        is_adaptive: bool = False,
        is_linear: bool = False,
        divergence_factor: float = 4.0,
    ) -> None:
        self.figure = RangeTestFigure(start_lr, end_lr, is_linear=is_linear)
        self.panel = ChoicePanel(self.figure)
        self.buttons = RunButtons(control)
        self.status = HTML()
        self.overlays = Overlays(self.figure)
        self.frame = LiveFrame(
            [self.status, self.figure.figure, self.buttons.widget, self.overlays.widget, self.panel.widget],
            ["Plot of the loss by learning rate; what it says stands below it, where a field moves the choice."],
        )
        self.widget = self.frame.widget
        self._divergence_factor = divergence_factor
        curve = self._draw_curve
        # the curve is to grow ten times a second; the names stand hardly ever apart from their levels
        self._turns = Turns(
            curve, curve, curve, self._show_status, curve, curve, self._draw_levels, self._draw_level_names, curve
        )
        self._result: RangeTestResult | None = None
        self._begin(StepCount(num_steps, is_adaptive=is_adaptive))

    def _begin(self, count: StepCount) -> None:
        self._count = count
        self._begin_curve()
        self._started = perf_counter()
        self._show_status()
        self._turns.begin()

    def _begin_curve(self) -> None:
        self._curve = GrowingCurve(self._divergence_factor)
        self._limits = SettlingLimits()

    def restart(self, control: RunControl, num_steps: int | None) -> None:
        """Another sweep, of so many steps, follows in the same plot; the one before stays as an overlay."""
        if self._result is not None:
            self.overlays.add("before", self._result)
        self.panel.close()
        self.buttons.reopen(control)
        self.frame.begin_again()
        self._begin(StepCount(num_steps))

    def show_sharpness(self, sharpness: Sharpness) -> None:
        """Show the rate that the curvature allows beside the curve to come."""
        self.figure.sharpness.draw(sharpness)

    def on_step(self, record: StepRecord) -> None:
        """Take one step of the sweep; redraws when the time has come."""
        if self._count.take(record):
            self._begin_curve()
        self._curve.append(record)
        self._turns.take()

    def finish(self, result: RangeTestResult) -> None:
        """Show the whole curve with its suggestion, what it says, and the choice."""
        self._widen()
        self.figure.draw_curve(result.lrs, result.losses, result.smoothed_losses)
        self.figure.set_y_limits(*loss_limits([result, *(each for _, each in self.overlays.named)]))
        self._result = result
        if result.sharpness is not None:
            self.show_sharpness(result.sharpness)  # the axis may have become wide enough for it
        self.figure.hide_levels()
        self.buttons.hide()
        self.frame.end()
        self.status.value = ending_html("Range test", counted(len(result.lrs), "step"), result)
        self.panel.open(result)

    def _widen(self) -> None:
        for lr in self._curve.lr_range:
            self.figure.widen_to(lr)

    def _draw_curve(self) -> None:
        self._curve.refresh()
        self._widen()
        limits = self._limits.update(self._curve.smoothed, self._curve.raw, self._curve.threshold)
        if limits is None:
            self.figure.draw_curve(*self._curve.points)
        else:
            self.figure.set_y_limits(*limits)  # the curve follows at its next turn

    def _draw_levels(self) -> bool:
        levels = self._curve.levels
        return levels is not None and self.figure.draw_levels(*levels)

    def _draw_level_names(self) -> bool:
        levels = self._curve.levels
        return levels is not None and self.figure.draw_level_names(*levels)

    def _show_status(self) -> None:
        progress = self._count.progress(perf_counter() - self._started - self.buttons.paused_s)
        last = self._curve.last
        now = f" · lr {lr_text(last.lr)} · loss {last.loss:.4g}" if last else ""
        self.status.value = progress_html(progress, escape(progress.text + now))
