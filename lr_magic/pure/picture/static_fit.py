"""The static picture of a training, for saved notebooks and scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lr_magic.pure.curve_reading.smoothing import smooth
from lr_magic.pure.cycle.planned_cycle import planned_cycle
from lr_magic.pure.picture import palette
from lr_magic.pure.picture.static_figure import add_legend, new_figure
from lr_magic.pure.picture.y_limits import y_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lr_magic.pure.results.fit_history import FitHistory

_MAX_PLANNED_POINTS = 1000


def plot_fit(history: FitHistory) -> Figure:
    """Draw a training: losses above, learning rate and momentum below."""
    figure, (loss_axes, lr_axes) = new_figure(2)
    losses = np.array([step.loss for step in history.steps])
    steps = np.array([step.step for step in history.steps])
    loss_axes.set(ylabel="loss")
    loss_axes.plot(steps, losses, color=palette.LOSS, alpha=0.3, linewidth=1, label="loss")
    smoothed = smooth(losses)
    loss_axes.plot(steps, smoothed, color=palette.LOSS, linewidth=2, label="smoothed loss")
    _plot_validation(loss_axes, history)
    if len(losses):
        loss_axes.set_ylim(*y_limits(smoothed, losses))
    add_legend(loss_axes)
    _draw_schedule(lr_axes, history)
    return figure


def plot_schedule(history: FitHistory) -> Figure:
    """Draw the learning rate and the momentum of each step."""
    figure, (axes,) = new_figure(1)
    _draw_schedule(axes, history)
    return figure


def _plot_validation(axes: Axes, history: FitHistory) -> None:
    if not history.steps or any(epoch.valid_loss is None for epoch in history.epochs) or not history.epochs:
        return
    losses = np.array([epoch.valid_loss for epoch in history.epochs], dtype=np.float64)
    ends = _epoch_ends(history)
    axes.plot(ends, losses, "o-", color=palette.VALIDATION, linewidth=1.2, markersize=5, label="validation loss")
    if np.isfinite(losses).any():
        best = int(np.nanargmin(losses))
        axes.plot(ends[best], losses[best], "D", color=palette.VALIDATION, markersize=9, label="best epoch")


def _epoch_ends(history: FitHistory) -> np.ndarray:
    """Last step of each epoch."""
    return np.cumsum([epoch.num_steps for epoch in history.epochs]) - 1


def _draw_schedule(axes: Axes, history: FitHistory) -> None:
    steps = [step.step for step in history.steps]
    axes.set(xlabel="step", ylabel="learning rate")
    cycle = planned_cycle(history)
    if cycle is not None:
        planned_steps, planned_lrs, _ = cycle.sampled(_MAX_PLANNED_POINTS)
        axes.plot(planned_steps, planned_lrs, color=palette.CHOICE, alpha=0.35, linewidth=2, label="planned")
    axes.plot(steps, [step.lr for step in history.steps], color=palette.CHOICE, label="learning rate")
    _mark_events(axes, history)
    momenta = [np.nan if step.momentum is None else step.momentum for step in history.steps]
    if np.isfinite(momenta).any():
        right = axes.twinx()
        right.set_ylabel("momentum")
        right.spines["top"].set_visible(False)
        right.plot(steps, momenta, color=palette.MUTED, linestyle="--", label="momentum")


def _mark_events(axes: Axes, history: FitHistory) -> None:
    """A numbered diamond where something was done to the training; the words stand in the legend."""
    if not history.steps:
        return
    steps, lrs = ([getattr(record, name) for record in history.steps] for name in ("step", "lr"))
    for number, event in enumerate(history.events, start=1):
        lr = float(np.interp(event.step, steps, lrs))
        axes.plot(
            event.step, lr, "D", color=palette.VALIDATION, label=f"{number}  step {event.step:,}: {event.sentence}"
        )
        axes.annotate(str(number), (event.step, lr), xytext=(6, 4), textcoords="offset points", fontsize="small")
    if history.events:
        add_legend(axes)
