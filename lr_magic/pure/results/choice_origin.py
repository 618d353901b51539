"""How a learning rate came to be the choice."""

from __future__ import annotations

from enum import StrEnum


class ChoiceOrigin(StrEnum):
    """Where a choice was made, in the words of a report."""

    PLOT = "chosen on the plot"
    COMPARISON = "chosen by comparison"
    CODE = "chosen in code"
