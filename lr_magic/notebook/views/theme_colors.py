"""Colours that follow the front end's theme."""

from __future__ import annotations

TEXT = "var(--jp-ui-font-color1, #8A8A8A)"
"""Words in a plot: readable on white and on black; grey where a front end names no colours."""


def bar_below(color: str) -> str:
    """Style of words that a colour belongs to: no colour of a line can be read as text in every theme."""
    return f"border-bottom:3px solid {color}"


def bar_beside(color: str) -> str:
    """The same for a line of words."""
    return f"border-left:4px solid {color};padding-left:8px"
