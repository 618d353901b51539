"""When to redraw: views are throttled by time, not by step."""

from __future__ import annotations

from time import perf_counter


class RedrawClock:
    """Says when a redraw is due, so that drawing costs a fixed small part of the run whatever the step takes.

    Parameters
    ----------
    interval_s
        Shortest time between two redraws, in seconds.
    max_share
        Largest part of the time that redraws may take, 0 to 1: after a slow redraw the next one waits longer.
    """

    def __init__(self, interval_s: float = 0.055, max_share: float = 0.02) -> None:
        self._interval_s = interval_s
        self._max_share = max_share
        self._next_redraw = 0.0
        self._started = 0.0

    def is_due(self) -> bool:
        """Whether the time has come; the redraw that follows is timed up to `done`."""
        self._started = perf_counter()
        return self._started >= self._next_redraw

    def done(self) -> None:
        """Tell that the redraw is done."""
        now = perf_counter()
        cost = now - self._started
        self._next_redraw = now + max(self._interval_s, cost / self._max_share)
