"""When a training is written to its checkpoint."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lr_magic.training.resuming.checkpoint import write_checkpoint
from lr_magic.training.resuming.saved_training import training_content

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.training.resuming.resume_point import ResumePoint
    from lr_magic.training.setup import TrainingSetup


class Checkpointing:
    """Writes a training to a file now and then; does nothing without a path.

    Parameters
    ----------
    setup, history
        What is written.
    path
        The file, or None.
    seconds
        How often, > 0, beside the end of each epoch.
    clock
        Seconds, for tests.
    """

    def __init__(
        self,
        setup: TrainingSetup,
        history: FitHistory,
        path: str | os.PathLike[str] | None,
        seconds: float,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._setup = setup
        self._history = history
        self._path = path
        self._seconds = seconds
        self._clock = clock
        self._due = clock() + seconds

    def save_if_due(self, point: Callable[[], ResumePoint]) -> None:
        """Write, if it is time for that."""
        if self._clock() >= self._due:
            self.save(point)

    def save(self, point: Callable[[], ResumePoint | None]) -> None:
        """Write now; `point` says where the training stands, and is asked only if there is a path."""
        found = point() if self._path is not None else None
        if self._path is not None and found is not None:
            write_checkpoint(self._path, training_content(self._setup, self._history, found))
            self._due = self._clock() + self._seconds
