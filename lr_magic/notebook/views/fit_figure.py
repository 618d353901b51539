"""The two bqplot figures of a training, losses and schedule side by side; no logic, no state of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bqplot
import numpy as np
from ipywidgets import HBox, Layout

from lr_magic.notebook.views.schedule_figure import ScheduleFigure
from lr_magic.notebook.views.step_axes import step_axes, step_figure, step_ticks
from lr_magic.pure.picture import palette

if TYPE_CHECKING:
    from lr_magic.pure.results.fit_event import FitEvent
    from lr_magic.pure.schedules import OneCycle

_NOTHING = np.array([])


class FitFigure:
    """Loss of each step, validation loss of each epoch, and the learning rate and momentum of the cycle.

    Parameters
    ----------
    cycle
        The planned cycle, drawn faint; what is done of it is drawn strong.
    has_momentum
        Whether the optimizer has a momentum that is cycled.
    """

    def __init__(self, cycle: OneCycle, *, has_momentum: bool) -> None:
        self.x_scale = bqplot.LinearScale(min=0, max=max(cycle.total_steps - 1, 1))
        self.y_scale = bqplot.LinearScale(min=0.0, max=1.0)
        scales = {"x": self.x_scale, "y": self.y_scale}
        # one mark for both curves: one message per redraw
        self.curve = bqplot.Lines(
            x=_NOTHING, y=_NOTHING, scales=scales, colors=[palette.LOSS] * 2, opacities=[0.3, 1.0], stroke_width=2
        )
        self.validation = bqplot.Lines(
            x=_NOTHING, y=_NOTHING, scales=scales, colors=[palette.VALIDATION], marker="circle", stroke_width=2
        )
        self.best = bqplot.Scatter(
            x=_NOTHING, y=_NOTHING, names=_NOTHING, scales=scales, colors=[palette.VALIDATION], marker="diamond",
            default_size=110, stroke="white",
        )  # fmt: skip
        self.losses = step_figure(
            [self.curve, self.validation, self.best], step_axes(self.x_scale, self.y_scale, "loss")
        )
        self.schedule = ScheduleFigure(cycle, self.x_scale, has_momentum=has_momentum)
        self.widget = HBox([self.losses, self.schedule.figure], layout=Layout(flex_flow="row wrap", width="100%"))
        self.losses.layout.flex, self.schedule.figure.layout.flex = "3 1 420px", "2 1 300px"

    def draw_losses(self, steps: np.ndarray, raw: np.ndarray, smoothed: np.ndarray) -> None:
        """Show the losses so far; (n,) each."""
        with self.curve.hold_sync():
            self.curve.x = steps
            self.curve.y = np.array([raw, smoothed])

    def draw_validation(self, steps: np.ndarray, losses: np.ndarray) -> None:
        """Show the validation loss at the last step of each epoch; (n,) each."""
        with self.validation.hold_sync():
            self.validation.x, self.validation.y = steps, losses

    def mark_best(self, step: float, loss: float) -> None:
        """Mark the validation loss of the best epoch so far."""
        with self.best.hold_sync():
            self.best.x, self.best.y, self.best.names = np.array([step]), np.array([loss]), np.array(["best"])

    def change(self, event: FitEvent) -> None:
        """Mark on the schedule what was done to the training; a longer one gets room, a shorter one keeps the axis."""
        self.schedule.change(event)
        self.x_scale.max = max(self.x_scale.max, self.schedule.total_steps - 1)
        for figure in (self.losses, self.schedule.figure):
            figure.axes[0].tick_values = step_ticks(self.x_scale.max)

    def set_y_limits(self, low: float, high: float) -> None:
        """Move the loss axis."""
        with self.y_scale.hold_sync():
            self.y_scale.min, self.y_scale.max = low, high
