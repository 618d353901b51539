"""How many steps a run has made, and how many it makes in all as far as that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.notebook.views.status_line import Progress
from lr_magic.pure.curve_reading.adaptive_sweep import most_steps_left

if TYPE_CHECKING:
    from lr_magic.pure.results.records import StepRecord


class StepCount:
    """Counts the steps of a run.

    Parameters
    ----------
    num_steps
        Planned number; None where it is not known.
    is_adaptive
        Whether a sweep chooses its rates: then at most so many steps follow as there are strides left.
    """

    def __init__(self, num_steps: int | None, *, is_adaptive: bool = False) -> None:
        self._num_steps = num_steps
        self._is_adaptive = is_adaptive
        self._num_made = 0
        self._num_looks = 0
        self._lr = 0.0

    def take(self, record: StepRecord) -> bool:
        """Count a step; True where a second look begins with it."""
        self._num_made += 1
        self._num_looks += record.step == 0
        self._lr = record.lr
        return record.step == 0 and self._num_looks > 1

    def progress(self, elapsed_s: float) -> Progress:
        """How far the run has come after so many seconds."""
        if not (self._is_adaptive and self._num_made):
            return Progress(self._num_made, self._num_steps, elapsed_s)
        left = most_steps_left(self._lr, is_second_look=self._num_looks > 1)
        return Progress(self._num_made, self._num_made + left, elapsed_s, is_at_most=True)
