"""Static pictures of results, for saved notebooks and scripts; matplotlib is imported where it draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lr_magic.pure.curve_reading.smoothing import smooth
from lr_magic.pure.picture import palette
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.picture.y_limits import y_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.pure.results.range_test_result import RangeTestResult


def plot_range_test(result: RangeTestResult) -> Figure:
    """Draw a range test: raw losses faint, smoothed losses strong, the choice and the suggestion marked."""
    figure, (axes,) = _new_figure(1)
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
    axes.plot(result.lrs, result.losses, color=palette.LOSS, alpha=0.3, linewidth=1, label="loss")
    axes.plot(result.lrs, result.smoothed_losses, color=palette.LOSS, linewidth=2, label="smoothed loss")
    if len(result.losses):
        axes.set_ylim(*y_limits(result.smoothed_losses))
    _mark_suggestion(axes, result)
    _mark_choice(axes, result)
    _add_legend(axes)
    return figure


def plot_fit(history: FitHistory) -> Figure:
    """Draw a training: losses above, learning rate and momentum below."""
    figure, (loss_axes, lr_axes) = _new_figure(2)
    losses = np.array([step.loss for step in history.steps])
    steps = np.array([step.step for step in history.steps])
    loss_axes.set(ylabel="loss")
    loss_axes.plot(steps, losses, color=palette.LOSS, alpha=0.3, linewidth=1, label="loss")
    loss_axes.plot(steps, smooth(losses), color=palette.LOSS, linewidth=2, label="smoothed loss")
    _plot_validation(loss_axes, history)
    if len(losses):
        loss_axes.set_ylim(*y_limits(smooth(losses)))
    _add_legend(loss_axes)
    _draw_schedule(lr_axes, history)
    return figure


def plot_schedule(history: FitHistory) -> Figure:
    """Draw the learning rate and the momentum of each step."""
    figure, (axes,) = _new_figure(1)
    _draw_schedule(axes, history)
    return figure


def _new_figure(num_rows: int) -> tuple[Figure, list[Axes]]:
    # Figure instead of pyplot: nothing of the person's matplotlib state (backend, open figures) is touched
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import, and not every session draws

    figure = Figure(figsize=(8, 3.6 if num_rows == 1 else 5.2), dpi=110, layout="constrained")
    axes = figure.subplots(num_rows, squeeze=False, sharex=num_rows > 1)[:, 0]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(visible=True, alpha=0.25, linewidth=0.6)
    return figure, list(axes)


def _add_legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize="small")


def _mark_suggestion(axes: Axes, result: RangeTestResult) -> None:
    if result.suggestion is None:
        return
    if result.interval is not None:
        axes.axvspan(*result.interval, color=palette.SUGGESTION, alpha=0.12, linewidth=0)
    loss = result.loss_at(result.suggestion)
    label = f"suggested {lr_text(result.suggestion)}"
    axes.plot([result.suggestion], [loss], "o", color=palette.SUGGESTION, markersize=8, label=label)


def _mark_choice(axes: Axes, result: RangeTestResult) -> None:
    if result.lr_range is not None:
        low, high = result.lr_range
        label = f"chosen {lr_text(low)} to {lr_text(high)}"
        axes.axvspan(low, high, color=palette.CHOICE, alpha=0.15, linewidth=0, label=label)
    elif result.is_chosen and result.lr is not None:
        axes.axvline(result.lr, color=palette.CHOICE, linewidth=1.5, label=f"chosen {lr_text(result.lr)}")


def _plot_validation(axes: Axes, history: FitHistory) -> None:
    if not history.steps or any(epoch.valid_loss is None for epoch in history.epochs) or not history.epochs:
        return
    num_steps = history.steps[-1].step + 1
    ends = np.arange(1, len(history.epochs) + 1) * num_steps / len(history.epochs) - 1
    losses = np.array([epoch.valid_loss for epoch in history.epochs], dtype=np.float64)
    axes.plot(ends, losses, "o-", color=palette.VALIDATION, linewidth=1.2, markersize=5, label="validation loss")


def _draw_schedule(axes: Axes, history: FitHistory) -> None:
    steps = [step.step for step in history.steps]
    axes.set(xlabel="step", ylabel="learning rate")
    axes.plot(steps, [step.lr for step in history.steps], color=palette.CHOICE, label="learning rate")
    momenta = [np.nan if step.momentum is None else step.momentum for step in history.steps]
    if np.isfinite(momenta).any():
        right = axes.twinx()
        right.set_ylabel("momentum")
        right.spines["top"].set_visible(False)
        right.plot(steps, momenta, color=palette.MUTED, linestyle="--", label="momentum")
