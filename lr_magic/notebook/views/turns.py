"""Whose turn it is: a view that draws one of its parts at each redraw sends one message per redraw."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING

from lr_magic.notebook.views.redraw_clock import RedrawClock

if TYPE_CHECKING:
    from collections.abc import Callable


class Turns:
    """Draws one part of a view each time a redraw is due; a part that is named more often is drawn more often.

    Each widget of a front end is updated by a message of its own, so a redraw of all parts at once would be a burst
    of messages, most of them for what has hardly changed. A part with nothing new leaves its turn to the next one.
    Where steps are slower than redraws, the turns that fell into a step are taken after it, each part once.

    Parameters
    ----------
    parts
        Functions that draw, in the order of their turns; False says that there was nothing to draw.
    """

    def __init__(self, *parts: Callable[[], bool | None]) -> None:
        self._num_turns = len(parts)
        self._parts = cycle(parts)
        self._clock = RedrawClock()

    def begin(self) -> None:
        """A run begins."""
        self._clock.begin()

    def take(self) -> None:
        """Draw the next part that has something new, if the time has come; several where a step took long."""
        num_due = self._clock.num_due()
        if num_due:
            self._draw(num_due)
            self._clock.done()

    def _draw(self, num_parts: int) -> None:
        drawn: list[Callable[[], bool | None]] = []
        for part in islice(self._parts, self._num_turns):
            if part not in drawn and part() is not False:
                drawn.append(part)
            if len(drawn) == num_parts:
                return
