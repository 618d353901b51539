"""How a learning rate came to be the choice."""

from __future__ import annotations

from enum import Enum


class ChoiceOrigin(str, Enum):
    """Where a choice was made, in the words of a report."""

    PLOT = "chosen on the plot"
    COMPARISON = "chosen by comparison"
    CODE = "chosen in code"
