"""What the figures with steps on their x axis share."""

from __future__ import annotations

import math

import bqplot
from ipywidgets import Layout

from lr_magic.notebook.views.theme_colors import TEXT

_MOST_STRIDES = 4


def step_figure(marks: list[bqplot.Mark], axes: list[bqplot.Axis], height: str = "260px") -> bqplot.Figure:
    """Make a calm figure, on any background and without animation."""
    return bqplot.Figure(
        marks=marks,
        axes=axes,
        layout=Layout(width="auto", min_width="200px", height=height),
        fig_margin={"top": 14, "bottom": 42, "left": 58, "right": 52},
        background_style={"fill": "none"},
        animation_duration=0,
        display_toolbar=False,
    )


def step_ticks(last_step: float) -> list[int]:
    """Round numbers of steps, few enough for the labels of a narrow plot.

    >>> step_ticks(109), step_ticks(2)
    ([0, 50, 100], [0, 1, 2])
    """
    power = 10 ** max(0, math.floor(math.log10(max(last_step, 1) / _MOST_STRIDES)))
    stride = next(power * factor for factor in (1, 2, 5, 10, 20) if power * factor * _MOST_STRIDES >= last_step)
    return list(range(0, math.floor(last_step) + 1, stride))


def step_axes(x_scale: bqplot.Scale, y_scale: bqplot.Scale, label: str) -> list[bqplot.Axis]:
    """Axis of the steps, and the axis of what the label names."""
    x_axis = bqplot.Axis(scale=x_scale, label="step", grid_lines="none", tick_format=",")
    x_axis.tick_values = step_ticks(x_scale.max)
    y_axis = bqplot.Axis(scale=y_scale, label=label, orientation="vertical", label_offset="44px")
    y_axis.grid_color = "#8884"
    x_axis.label_color = y_axis.label_color = TEXT
    return [x_axis, y_axis]
