"""Whether the steps of a training draw Python's or NumPy's random numbers, beside the loader."""

from __future__ import annotations

from typing import Any

from lr_magic.training.restoring.saved_random import host_state


class HostDraws:
    """Finds out in the first step whether steps themselves draw Python's or NumPy's random numbers (mixing of samples).

    Their states take a tenth of a small network's step to read. Mostly only a loader draws them, which does so again
    in the same way; then they are not read before every step.

    Attributes
    ----------
    may_be_made
        Whether steps draw, or no step is over yet.
    """

    def __init__(self) -> None:
        self.may_be_made = True
        self._is_over = self._are_made = False
        self._begin: tuple[Any, ...] | None = None

    def begin_work(self) -> None:
        """A batch was drawn from the loader."""
        if not self._is_over:
            self._begin = host_state()

    def end_of_work(self) -> None:
        """The next batch is going to be drawn."""
        if self._begin is not None:
            self._are_made |= host_state() != self._begin
            self._begin = None

    def end_step(self) -> None:
        """A step is whole."""
        if not self._is_over:
            self.end_of_work()
            self._is_over, self.may_be_made = True, self._are_made
