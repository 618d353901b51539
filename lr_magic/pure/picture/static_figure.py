"""What the static pictures share: figures that leave the person's matplotlib alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_figure(num_rows: int) -> tuple[Figure, list[Axes]]:
    """Make a figure with axes below each other; several share their x axis."""
    # Figure instead of pyplot: nothing of the person's matplotlib state (backend, open figures) is touched
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import, and not every session draws

    figure = Figure(figsize=(8, 3.6 if num_rows == 1 else 5.2), dpi=110, layout="constrained")
    axes = figure.subplots(num_rows, squeeze=False, sharex=num_rows > 1)[:, 0]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(visible=True, alpha=0.25, linewidth=0.6)
    return figure, list(axes)


def add_legend(axes: Axes) -> None:
    """Name what has a label."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize="small")
