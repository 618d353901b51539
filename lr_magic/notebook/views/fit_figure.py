"""The two bqplot figures of a training: loss above, schedule below; no logic, no state of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bqplot
import numpy as np
from ipywidgets import HBox, Layout

from lr_magic.pure.picture import palette

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.pure.schedules import OneCycle

_NOTHING = np.array([])
_MAX_PLANNED_POINTS = 300


class FitFigure:
    """Loss of each step, validation loss of each epoch, and the learning rate and momentum of the cycle.

    Parameters
    ----------
    schedule
        The planned cycle, drawn faint; what is done of it is drawn strong.
    has_momentum
        Whether the optimizer has a momentum that is cycled.
    """

    def __init__(self, schedule: OneCycle, *, has_momentum: bool) -> None:
        self.x_scale = bqplot.LinearScale(min=0, max=max(schedule.total_steps - 1, 1))
        self.y_scale = bqplot.LinearScale(min=0.0, max=1.0)
        scales = {"x": self.x_scale, "y": self.y_scale}
        self.raw = bqplot.Lines(x=_NOTHING, y=_NOTHING, scales=scales, colors=[palette.LOSS], opacities=[0.3])
        self.smoothed = bqplot.Lines(x=_NOTHING, y=_NOTHING, scales=scales, colors=[palette.LOSS], stroke_width=2)
        self.validation = bqplot.Lines(
            x=_NOTHING, y=_NOTHING, scales=scales, colors=[palette.VALIDATION], marker="circle", stroke_width=2
        )
        self.losses = _figure(
            [self.raw, self.smoothed, self.validation], _axes(self.x_scale, self.y_scale, "loss"), height="260px"
        )
        lr_scales = {"x": self.x_scale, "y": bqplot.LinearScale(min=0.0, max=schedule.max_lr * 1.08)}
        self.done = bqplot.Lines(x=_NOTHING, y=_NOTHING, scales=lr_scales, colors=[palette.CHOICE], stroke_width=2.5)
        self.events = bqplot.Scatter(
            x=_NOTHING, y=_NOTHING, names=_NOTHING, display_names=False, scales=lr_scales, colors=[palette.VALIDATION],
            marker="diamond", tooltip=bqplot.Tooltip(fields=["name"], show_labels=False),
        )  # fmt: skip
        planned, lr_axes = _planned_lr(schedule, lr_scales)
        lr_marks = [planned, self.done, self.events]
        if has_momentum:
            mark, axis = _planned_momentum(schedule, self.x_scale)
            lr_marks, lr_axes = [*lr_marks, mark], [*lr_axes, axis]
        self.schedule = _figure(lr_marks, lr_axes, height="150px")
        self.widget = HBox([self.losses, self.schedule], layout=Layout(flex_flow="row wrap", width="100%"))
        self.losses.layout.flex, self.schedule.layout.flex = "3 1 420px", "2 1 300px"
        self.schedule.layout.height = self.losses.layout.height

    def draw_losses(self, raw: tuple[np.ndarray, np.ndarray], smoothed: tuple[np.ndarray, np.ndarray]) -> None:
        """Show the losses so far: (steps, losses) of the raw and of the smoothed line."""
        for mark, (steps, losses) in ((self.raw, raw), (self.smoothed, smoothed)):
            with mark.hold_sync():
                mark.x, mark.y = steps, losses

    def draw_validation(self, steps: Sequence[int], losses: Sequence[float]) -> None:
        """Show the validation loss at the last step of each epoch."""
        with self.validation.hold_sync():
            self.validation.x, self.validation.y = np.array(steps, dtype=float), np.array(losses, dtype=float)

    def draw_done(self, steps: np.ndarray, lrs: np.ndarray) -> None:
        """Show what is done of the schedule; (n,) each."""
        with self.done.hold_sync():
            self.done.x, self.done.y = steps, lrs

    def set_length(self, num_steps: int) -> None:
        """The run has become longer: make room for it; a shorter one keeps the axis."""
        self.x_scale.max = max(self.x_scale.max, num_steps - 1)

    def mark_event(self, step: int, lr: float, sentence: str) -> None:
        """Mark on the schedule that something was done to it; the words show under the mouse."""
        with self.events.hold_sync():
            self.events.x = np.append(self.events.x, step)
            self.events.y = np.append(self.events.y, lr)
            self.events.names = np.append(self.events.names, sentence)

    def set_y_limits(self, low: float, high: float) -> None:
        """Move the loss axis."""
        with self.y_scale.hold_sync():
            self.y_scale.min, self.y_scale.max = low, high


def _figure(marks: list[bqplot.Mark], axes: list[bqplot.Axis], height: str) -> bqplot.Figure:
    return bqplot.Figure(
        marks=marks,
        axes=axes,
        layout=Layout(width="auto", min_width="200px", height=height),
        fig_margin={"top": 14, "bottom": 42, "left": 58, "right": 52},
        background_style={"fill": "none"},
        animation_duration=0,
        display_toolbar=False,
    )


def _axes(x_scale: bqplot.Scale, y_scale: bqplot.Scale, label: str) -> list[bqplot.Axis]:
    x_axis = bqplot.Axis(scale=x_scale, label="step", grid_lines="none", tick_format=",")
    y_axis = bqplot.Axis(scale=y_scale, label=label, orientation="vertical", label_offset="44px")
    y_axis.grid_color = "#8884"
    return [x_axis, y_axis]


def _planned_steps(schedule: OneCycle) -> np.ndarray:
    num_points = min(schedule.total_steps, _MAX_PLANNED_POINTS)
    return np.unique(np.linspace(0, schedule.total_steps - 1, num_points).astype(int))


def _planned_lr(schedule: OneCycle, scales: dict[str, bqplot.Scale]) -> tuple[bqplot.Mark, list[bqplot.Axis]]:
    steps = _planned_steps(schedule)
    lrs = np.array([schedule.lr_at(int(step)) for step in steps])
    planned = bqplot.Lines(x=steps, y=lrs, scales=scales, colors=[palette.CHOICE], opacities=[0.35], stroke_width=2)
    axes = _axes(scales["x"], scales["y"], "learning rate")
    axes[1].tick_values, axes[1].tick_format = np.linspace(0.0, schedule.max_lr, 3), ".1e"
    axes[1].label_color = palette.CHOICE
    return planned, axes


def _planned_momentum(schedule: OneCycle, x_scale: bqplot.Scale) -> tuple[bqplot.Mark, bqplot.Axis]:
    steps = _planned_steps(schedule)
    momenta = np.array([schedule.momentum_at(int(step)) for step in steps])
    spare = 0.1 * (schedule.max_momentum - schedule.base_momentum) or 0.01
    scale = bqplot.LinearScale(min=schedule.base_momentum - spare, max=schedule.max_momentum + spare)
    line = bqplot.Lines(
        x=steps, y=momenta, scales={"x": x_scale, "y": scale}, colors=[palette.MUTED], line_style="dashed"
    )
    axis = bqplot.Axis(
        tick_values=[schedule.base_momentum, schedule.max_momentum], tick_format=".2f",
        scale=scale, label="momentum", orientation="vertical", side="right", grid_lines="none",
        label_offset="40px",
    )  # fmt: skip
    return line, axis
