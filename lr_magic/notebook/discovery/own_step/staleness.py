"""Executed cells whose model is gone: what they did may no longer be what is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lr_magic.notebook.discovery.cell_history import CellHistory
    from lr_magic.notebook.discovery.own_step.step_source import StepSource
    from lr_magic.notebook.discovery.wiring import Wiring


def is_stale(source: StepSource, wiring: Wiring, history: CellHistory) -> bool:
    """Tell whether a cell ran before its model was written anew; running the model's cell again does not count."""
    if source.function is not None:
        return False
    made, ran = history.last_assignment(wiring.model.name)[0], source.moment[0]
    return made > ran and not history.was_run_before(made, ran)
