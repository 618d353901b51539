"""The layer groups of a model as rows of a small table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerRow:
    """One layer group.

    Attributes
    ----------
    number
        From 0 at the stem.
    label
        Names of its modules.
    num_parameters, num_trained
        Single parameters, and how many of them are trained.
    num_held_norms
        Batch norms that keep their running statistics.
    """

    number: int
    label: str
    num_parameters: int
    num_trained: int
    num_held_norms: int = 0

    @property
    def state(self) -> str:
        """``"trained"``, ``"frozen"`` or ``"partly frozen"``."""
        if self.num_trained == self.num_parameters:
            return "trained"
        return "partly frozen" if self.num_trained else "frozen"
