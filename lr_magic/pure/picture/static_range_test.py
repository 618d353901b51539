"""The static picture of a range test, for saved notebooks and scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lr_magic.pure.picture import palette
from lr_magic.pure.picture.lanes import lanes
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.picture.static_figure import add_legend, new_figure
from lr_magic.pure.picture.y_limits import loss_limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lr_magic.pure.results.range_test_result import RangeTestResult


# Parts of the picture's width and height.
_CHARACTER_WIDTH = 0.011
_LANE_HEIGHT = 0.06


def plot_range_test(result: RangeTestResult, earlier: Sequence[tuple[str, RangeTestResult]] = ()) -> Figure:
    """Draw a range test: raw losses faint, smoothed losses strong, the choice and the suggestion marked.

    Smoothed losses of earlier sweeps, each with its name, lie below.
    """
    figure, (axes,) = new_figure(1)
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
    for number, (name, each) in enumerate(earlier):
        color = palette.OVERLAYS[number % len(palette.OVERLAYS)]
        axes.plot(each.lrs, each.smoothed_losses, color=color, linewidth=2, label=name)
    axes.plot(result.lrs, result.losses, color=palette.LOSS, alpha=0.3, linewidth=1, label="loss")
    axes.plot(result.lrs, result.smoothed_losses, color=palette.LOSS, linewidth=2, label="smoothed loss")
    axes.set_ylim(*loss_limits([result, *(each for _, each in earlier)]))
    _mark_suggestion(axes, result)
    _mark_proposed(axes, result)
    low, high = axes.get_xlim()
    _mark_sharpness(axes, result)
    _mark_choice(axes, result)
    if len(result.lrs):
        axes.set_xlim(low, high)  # a limit or a choice beyond the sweep must not stretch the axis
        _mark_other_rules(axes, result.other_suggestions)
    add_legend(axes)
    return figure


def _mark_suggestion(axes: Axes, result: RangeTestResult) -> None:
    if result.suggested_point is None:
        return
    if result.interval is not None:
        axes.axvspan(*result.interval, color=palette.SUGGESTION, alpha=0.12, linewidth=0)
    lr, loss = result.suggested_point
    label = f"suggested {lr_text(lr)}"
    axes.plot([lr], [loss], "o", color=palette.SUGGESTION, markersize=8, label=label)


def _mark_sharpness(axes: Axes, result: RangeTestResult) -> None:
    found = result.sharpness
    if found is None or found.limit_lr is None or found.limit_interval is None:
        return
    axes.axvspan(*found.limit_interval, color=palette.MUTED, alpha=0.12, linewidth=0)
    label = f"limit by curvature {lr_text(found.limit_lr)}"
    axes.axvline(found.limit_lr, color=palette.MUTED, linewidth=1.5, linestyle="--", label=label)


def _mark_proposed(axes: Axes, result: RangeTestResult) -> None:
    if result.proposed_range is not None:
        low, high = result.proposed_range
        label = f"proposed {lr_text(low)} to {lr_text(high)}"
        axes.axvspan(low, high, color=palette.SUGGESTION, alpha=0.12, linewidth=0, label=label)


def _mark_other_rules(axes: Axes, suggestions: Mapping[str, float]) -> None:
    """Put a tick with its name at the top edge for each of these rules."""
    height = axes.get_xaxis_transform()
    low, high = np.log(axes.get_xlim())
    shown = {rule: lr for rule, lr in suggestions.items() if low <= np.log(lr) <= high}
    of_rule = lanes(
        [float((np.log(lr) - low) / (high - low)) for lr in shown.values()],
        [_CHARACTER_WIDTH * (len(rule) + 2) for rule in shown],
    )
    for (rule, lr), lane in zip(shown.items(), of_rule, strict=True):
        axes.plot([lr], [0.98], "v", color=palette.MUTED, markersize=7, transform=height)
        top = 0.95 - _LANE_HEIGHT * lane
        axes.text(lr, top, rule, transform=height, ha="center", va="top", fontsize="small")


def _mark_choice(axes: Axes, result: RangeTestResult) -> None:
    if result.lr_range is not None:
        low, high = result.lr_range
        label = f"chosen {lr_text(low)} to {lr_text(high)}"
        axes.axvspan(low, high, color=palette.CHOICE, alpha=0.15, linewidth=0, label=label)
    elif result.is_chosen and result.lr is not None:
        axes.axvline(result.lr, color=palette.CHOICE, linewidth=1.5, label=f"chosen {lr_text(result.lr)}")
