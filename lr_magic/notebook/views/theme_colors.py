"""Colours that follow the front end's theme."""

from __future__ import annotations

TEXT = "var(--jp-ui-font-color1, #8A8A8A)"
"""Words in a plot: readable on white and on black; grey where a front end names no colours."""
