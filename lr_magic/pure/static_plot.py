"""Static pictures of results, for saved notebooks and scripts; matplotlib is imported where it draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lr_magic.pure.fit_history import FitHistory
    from lr_magic.pure.range_test_result import RangeTestResult


def plot_range_test(result: RangeTestResult) -> Figure:
    """Draw a range test: raw losses faint, smoothed losses strong, the choice and the suggestion marked."""
    raise NotImplementedError


def plot_fit(history: FitHistory) -> Figure:
    """Draw a training: losses above, learning rate and momentum below."""
    raise NotImplementedError


def plot_schedule(history: FitHistory) -> Figure:
    """Draw the learning rate and the momentum of each step."""
    raise NotImplementedError
