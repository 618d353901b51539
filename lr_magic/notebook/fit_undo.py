"""The state before the last training, so that it can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.pure.errors import SettingError
from lr_magic.training.resuming.training_state import TrainingState, fits_in_memory

if TYPE_CHECKING:
    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.training.setup import TrainingSetup


class UndoSlot:
    """Keeps one state: a history may live long in the notebook's outputs, and copies of a model must not with it."""

    def __init__(self) -> None:
        self._state: TrainingState | None = None
        self._reason = "No training has been run yet."
        self._history: FitHistory | None = None

    def keep(self, setup: TrainingSetup, resume: FitHistory | str | None = None) -> None:
        """Keep the state of a setup, in place of an older one; too large a one is not kept.

        A training that goes on has begun where it began: what was kept then stays.
        """
        if self._state is not None and resume is not None and resume is self._history:
            return
        self._state = None
        if fits_in_memory(setup):
            self._state = TrainingState(setup)
        else:
            self._reason = "The model was too large to be kept in memory beside the training."

    def forget(self) -> None:
        """A whole training cell has run, for which nothing was kept: what is kept is no longer from before the last."""
        self._state, self._history = None, None
        self._reason = "The last training was a whole cell: what it changes is known only once it has run."

    def belongs_to(self, history: FitHistory) -> None:
        """The training that was kept for has ended, or was interrupted, with this history."""
        self._history = history

    def undo(self) -> str:
        """Put back what was kept; says what was done.

        Raises
        ------
        SettingError
            If nothing is kept.
        """
        if self._state is None:
            raise SettingError(f"There is nothing to undo. {self._reason}")
        num_tensors = self._state.num_tensors
        self._state.put_back()
        self._state, self._history, self._reason = None, None, "The last training has been undone already."
        return f"undone: {num_tensors} tensors and the optimizer's state are as before the last training"
