"""When to redraw: views are throttled by time, not by step."""

from __future__ import annotations

from time import perf_counter, thread_time


class RedrawClock:
    """Says when a redraw is due, so that drawing costs a fixed small part of the run whatever the step takes.

    Redraws are due at even times, so that a curve grows as often where steps do not fit into the interval.

    Parameters
    ----------
    interval_s
        Shortest time between two redraws, in seconds.
    max_share
        Largest part of the time that redraws may take, 0 to 1: after a slow redraw the next one waits longer. What
        counts is processor time: on a busy machine a redraw takes long without costing more.
    """

    def __init__(self, interval_s: float = 0.075, max_share: float = 0.015) -> None:
        self._interval_s = interval_s
        self._max_share = max_share
        self._wait_s = interval_s
        self._begun_at = 0.0
        self.begin()

    def begin(self) -> None:
        """A run begins: its first redraw is due after the interval, or at its first step where that takes longer."""
        self._last_due = perf_counter()

    def num_due(self) -> int:
        """How many redraws have become due since the last call that said so; those that follow are timed to `done`."""
        now = perf_counter()
        num_due = int((now - self._last_due) / self._wait_s)
        if num_due:
            self._last_due += num_due * self._wait_s
            self._begun_at = thread_time()
        return num_due

    def done(self) -> None:
        """Tell that the redraws are done."""
        self._wait_s = max(self._interval_s, (thread_time() - self._begun_at) / self._max_share)
