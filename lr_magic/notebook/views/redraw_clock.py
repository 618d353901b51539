"""When to redraw: views are throttled by time, not by step."""

from __future__ import annotations

from time import perf_counter, thread_time


class RedrawClock:
    """Says when a redraw is due, so that drawing costs a fixed small part of the run whatever the step takes.

    Parameters
    ----------
    interval_s
        Shortest time between two redraws, in seconds.
    max_share
        Largest part of the time that redraws may take, 0 to 1: after a slow redraw the next one waits longer. What
        counts is processor time: on a busy machine a redraw takes long without costing more.
    """

    def __init__(self, interval_s: float = 0.07, max_share: float = 0.015) -> None:
        self._interval_s = interval_s
        self._max_share = max_share
        self._wait_s = interval_s
        self._done_at: float | None = None
        self._begun_at = 0.0

    def num_due(self) -> int:
        """How many redraws there was time for since the last one; those that follow are timed up to `done`."""
        num_due = 1 if self._done_at is None else int((perf_counter() - self._done_at) / self._wait_s)
        if num_due:
            self._begun_at = thread_time()
        return num_due

    def done(self) -> None:
        """Tell that the redraws are done."""
        self._done_at = perf_counter()
        cost = thread_time() - self._begun_at
        self._wait_s = max(self._interval_s, cost / self._max_share)
