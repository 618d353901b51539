"""The static picture of a comparison, for saved notebooks and scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lr_magic.pure.curve_reading.smoothing import smooth
from lr_magic.pure.picture import palette
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.picture.static_figure import add_legend, new_figure
from lr_magic.pure.picture.y_limits import y_limits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lr_magic.pure.results.comparison_result import ComparisonResult


def plot_comparison(result: ComparisonResult) -> Figure:
    """Draw the smoothed loss of each trial, with its rate and what it is judged by; the winner's line is thickest."""
    figure, (axes,) = new_figure(1)
    axes.set(xlabel="step", ylabel="loss")
    limits = []
    for number, trial in enumerate(result.trials):
        smoothed = smooth(np.array(trial.losses))
        is_winner = trial is result.winner
        axes.plot(
            np.arange(len(smoothed)),
            smoothed,
            color=palette.COMPARED[number % len(palette.COMPARED)],
            linewidth=3 if is_winner else 1.5,
            label=f"lr {lr_text(trial.lr)}: final loss {trial.final_loss:.4g}{' (wins)' if is_winner else ''}",
        )
        limits.append(y_limits(smoothed, above=0.1))
    if limits:
        axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    add_legend(axes)
    return figure
