"""Whose turn it is: a view that draws one of its parts at each redraw sends one message per redraw."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

from lr_magic.notebook.views.redraw_clock import RedrawClock

if TYPE_CHECKING:
    from collections.abc import Callable


class Turns:
    """Draws one part of a view each time a redraw is due; a part that is named more often is drawn more often.

    Each widget of a front end is updated by a message of its own, so a redraw of all parts at once would be a burst
    of messages, most of them for what has hardly changed.

    Parameters
    ----------
    parts
        Functions that draw, in the order of their turns.
    """

    def __init__(self, *parts: Callable[[], None]) -> None:
        self._parts = cycle(parts)
        self._clock = RedrawClock()

    def take(self) -> None:
        """Draw the next part if the time has come."""
        if self._clock.is_due():
            next(self._parts)()
            self._clock.done()
