"""What a person asks of a run while it goes on: a small mailbox that the loop reads between steps."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lr_magic.pure.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Stop:
    """End the run after the step under way; what was measured is kept."""


@dataclass(frozen=True)
class Pause:
    """Hold the run between two steps until `Resume` or `Stop`."""


@dataclass(frozen=True)
class Resume:
    """Go on after `Pause`."""


@dataclass(frozen=True)
class Anneal:
    """Replace the rest of the cycle by its cooling part, from the current rate to the final one; then the run ends.

    Attributes
    ----------
    steps
        Length of the cooling in optimizer steps, >= 1; None takes a fifth of the training so shortened.
    """

    steps: int | None = None

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise SettingError(f"Annealing needs at least 1 step; got {self.steps}.")


@dataclass(frozen=True)
class Extend:
    """Make the cycle longer: what is left of it is stretched, without a jump.

    Attributes
    ----------
    epochs
        How much longer, in passes over the loader, > 0; half an epoch is one, too.
    steps
        How much longer in optimizer steps, instead of epochs.
    """

    epochs: float = 1
    steps: int | None = None

    def __post_init__(self) -> None:
        if not self.epochs > 0 or (self.steps is not None and self.steps < 1):
            raise SettingError(f"Extend by epochs above 0 or by at least 1 step; got {self.epochs} and {self.steps}.")


@dataclass(frozen=True)
class LowerPeak:
    """Divide the rates from the next step on.

    Attributes
    ----------
    factor
        What they are divided by, > 1; the default is half a decade.
    """

    factor: float = 3.0

    def __post_init__(self) -> None:
        if not 1 < self.factor < float("inf"):
            raise SettingError(f"The rates are divided by a factor above 1; got {self.factor:g}.")


@dataclass(frozen=True)
class RollBack:
    """Take the weights of the last good point, and go on from there at lower rates.

    Attributes
    ----------
    factor
        What the rates are divided by, >= 1; 1 leaves them.
    """

    factor: float = 3.0

    def __post_init__(self) -> None:
        if not 1 <= self.factor < float("inf"):
            raise SettingError(f"The rates are divided by a factor of at least 1; got {self.factor:g}.")


Command = Stop | Pause | Resume | Anneal | Extend | LowerPeak | RollBack


class RunControl:
    """Mailbox between a view and a loop.

    A button's handler may run late, twice or in another thread, so all it does is `send`; the loop calls `receive`
    between steps. Nothing here waits or locks (``deque`` is atomic at both ends).

    Parameters
    ----------
    poll
        Called by each `receive`: lets a notebook deliver what its front end has sent meanwhile.
    """

    def __init__(self, poll: Callable[[], None] | None = None) -> None:
        self._commands: deque[Command] = deque()
        self._poll = poll

    def send(self, command: Command) -> None:
        """Ask the loop for something; returns at once."""
        self._commands.append(command)

    def receive(self) -> Command | None:
        """Take the oldest command not yet read, or None."""
        if self._poll is not None:
            self._poll()
        return self._commands.popleft() if self._commands else None
