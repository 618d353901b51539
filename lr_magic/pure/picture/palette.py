"""The colours of every picture: few, calm, and distinct for colour-blind eyes (Okabe and Ito 2008)."""

from __future__ import annotations

LOSS = "#0072B2"
"""Blue: the training loss, strong when smoothed, faint when raw."""

CHOICE = "#D55E00"
"""Vermillion: what the person chose."""

SUGGESTION = "#009E73"
"""Green: what the curve suggests."""

VALIDATION = "#CC79A7"
"""Purple: the validation loss."""

MUTED = "#8A8A8A"
"""Grey, readable on white and on black: plans, thresholds, axes."""

OVERLAYS = ("#E69F00", "#56B4E9", "#CC79A7", "#009E73")
"""Orange, sky blue, purple, green: earlier sweeps beside the present one."""

COMPARED = (LOSS, *OVERLAYS, CHOICE, MUTED)
"""One for each rate of a comparison."""
