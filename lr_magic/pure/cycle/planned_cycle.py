"""The schedule that a training followed, from its history alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.pure.cycle.steered_cycle import SteeredCycle
from lr_magic.pure.schedules import OneCycle

if TYPE_CHECKING:
    from lr_magic.pure.results.fit_history import FitHistory

_SHAPE = ("pct_start", "div_factor", "final_div_factor", "base_momentum", "max_momentum")


def planned_cycle(history: FitHistory) -> SteeredCycle | None:
    """Cycle of the param group with the highest peak, with all that was done to it; None where settings are missing."""
    settings = history.settings
    if not {"max_lr", "total_steps", *_SHAPE} <= set(settings):
        return None
    peaks = settings["max_lr"] if isinstance(settings["max_lr"], (list, tuple)) else [settings["max_lr"]]
    cycle = OneCycle(max(peaks), settings["total_steps"], **{name: settings[name] for name in _SHAPE})
    return SteeredCycle.of(cycle, history.events)
