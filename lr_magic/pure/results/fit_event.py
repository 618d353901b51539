"""What was done to a training while it ran: one frozen record per event."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EventKind(StrEnum):
    """What kind of thing happened between two steps."""

    PAUSED = "paused"
    ANNEALED = "annealed"
    EXTENDED = "extended"
    PEAK_LOWERED = "peak_lowered"
    ROLLED_BACK = "rolled_back"
    BLEW_UP = "blew_up"
    RESUMED = "resumed"
    RESTORED_BEST = "restored_best"


@dataclass(frozen=True)
class FitEvent:
    """One event of a training.

    Attributes
    ----------
    step
        Number of steps made before it: the first step that it concerns.
    kind
        What happened; the plot marks it.
    sentence
        What happened, in words.
    amount
        Paused: seconds; annealed, extended: number of steps; peak lowered: what the rates are divided by; rolled back:
        the step whose weights were taken; else None.
    """

    step: int
    kind: EventKind
    sentence: str
    amount: float | None = None
