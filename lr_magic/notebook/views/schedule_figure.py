"""The bqplot figure of a training's schedule: planned faint, done strong, what was changed marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bqplot
import numpy as np

from lr_magic.notebook.views.step_axes import step_axes, step_figure
from lr_magic.notebook.views.theme_colors import TEXT
from lr_magic.pure.cycle.steered_cycle import SteeredCycle
from lr_magic.pure.picture import palette

if TYPE_CHECKING:
    from lr_magic.pure.results.fit_event import FitEvent
    from lr_magic.pure.schedules import OneCycle

_NOTHING = np.array([])
_MAX_PLANNED_POINTS = 300


class ScheduleFigure:
    """Learning rate and momentum of each step.

    Parameters
    ----------
    cycle
        The cycle as planned.
    x_scale
        Steps.
    has_momentum
        Whether the optimizer has a momentum that is cycled.
    """

    def __init__(self, cycle: OneCycle, x_scale: bqplot.Scale, *, has_momentum: bool) -> None:
        self._steered = SteeredCycle.of(cycle)
        scales = {"x": x_scale, "y": bqplot.LinearScale(min=0.0, max=cycle.max_lr * 1.08)}
        self.planned = bqplot.Lines(
            x=_NOTHING, y=_NOTHING, scales=scales, colors=[palette.CHOICE], opacities=[0.35], stroke_width=2
        )
        self.done = bqplot.Lines(x=_NOTHING, y=_NOTHING, scales=scales, colors=[palette.CHOICE], stroke_width=2.5)
        self.events = bqplot.Scatter(
            x=_NOTHING, y=_NOTHING, names=_NOTHING, display_names=False, scales=scales, colors=[palette.VALIDATION],
            marker="diamond", tooltip=bqplot.Tooltip(fields=["name"], show_labels=False),
        )  # fmt: skip
        self.momentum, momentum_axis = _momentum(cycle, x_scale)
        axes = step_axes(x_scale, scales["y"], "learning rate")
        axes[1].tick_values, axes[1].tick_format = np.linspace(0.0, cycle.max_lr, 3), ".1e"
        marks = [self.planned, self.done, self.events]
        self._has_momentum = has_momentum
        if has_momentum:
            marks, axes = [*marks, self.momentum], [*axes, momentum_axis]
        self.figure = step_figure(marks, axes)
        self._draw_planned()

    @property
    def total_steps(self) -> int:
        """Length of the training as it stands now."""
        return self._steered.total_steps

    def draw_done(self, steps: np.ndarray, lrs: np.ndarray) -> None:
        """Show what is done of the schedule; (n,) each."""
        with self.done.hold_sync():
            self.done.x, self.done.y = steps, lrs

    def change(self, event: FitEvent) -> None:
        """Mark what was done to the training, and draw the schedule that follows from it; words show on hovering."""
        self._steered = self._steered.after(event)
        lr = self._steered.lr_at(min(event.step, self.total_steps - 1))
        with self.events.hold_sync():
            self.events.x = np.append(self.events.x, event.step)
            self.events.y = np.append(self.events.y, lr)
            self.events.names = np.append(self.events.names, event.sentence)
        self._draw_planned()

    def _draw_planned(self) -> None:
        steps, lrs, momenta = self._steered.sampled(_MAX_PLANNED_POINTS)
        with self.planned.hold_sync():
            self.planned.x, self.planned.y = steps, lrs
        if self._has_momentum:
            with self.momentum.hold_sync():
                self.momentum.x, self.momentum.y = steps, momenta


def _momentum(cycle: OneCycle, x_scale: bqplot.Scale) -> tuple[bqplot.Mark, bqplot.Axis]:
    spare = 0.1 * (cycle.max_momentum - cycle.base_momentum) or 0.01
    scale = bqplot.LinearScale(min=cycle.base_momentum - spare, max=cycle.max_momentum + spare)
    line = bqplot.Lines(
        x=_NOTHING, y=_NOTHING, scales={"x": x_scale, "y": scale}, colors=[palette.MUTED], line_style="dashed"
    )
    axis = bqplot.Axis(
        tick_values=[cycle.base_momentum, cycle.max_momentum], tick_format=".2f", scale=scale, label="momentum",
        orientation="vertical", side="right", grid_lines="none", label_offset="40px", label_color=TEXT,
    )  # fmt: skip
    return line, axis
