"""What a person asks of a run while it goes on: one verb each, put into a mailbox that the loop reads between steps."""

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
    """How a run is steered: a mailbox between whoever asks (a button, a script) and the loop, which reads it.

    Each verb may be called from any thread, a callback of the run included. It returns at once; the loop follows
    between two steps, in the order of the calls. Nothing here waits or locks (``deque`` is atomic at both ends).

    Parameters
    ----------
    poll
        Called by each `receive`: lets a notebook deliver what its front end has sent meanwhile.

    Examples
    --------
    >>> control = RunControl()
    >>> control.anneal(steps=20)
    >>> control.receive()
    Anneal(steps=20)
    """

    def __init__(self, poll: Callable[[], None] | None = None) -> None:
        self._commands: deque[Command] = deque()
        self._poll = poll

    def stop(self) -> None:
        """End the run after the step under way; what was measured is kept."""
        self._commands.append(Stop())

    def pause(self) -> None:
        """Hold the run between two steps until `resume` or `stop`."""
        self._commands.append(Pause())

    def resume(self) -> None:
        """Go on after `pause`."""
        self._commands.append(Resume())

    def anneal(self, steps: int | None = None) -> None:
        """Cool down from the current rate to the final one over some steps, then end; see `Anneal`."""
        self._commands.append(Anneal(steps))

    def extend(self, epochs: float = 1, *, steps: int | None = None) -> None:
        """Make the cycle longer by epochs, or by optimizer steps; see `Extend`."""
        self._commands.append(Extend(epochs, steps))

    def lower_peak(self, factor: float = 3.0) -> None:
        """Divide the rates from the next step on; see `LowerPeak`."""
        self._commands.append(LowerPeak(factor))

    def roll_back(self, factor: float = 3.0) -> None:
        """Take the weights of the last good point and go on at lower rates; see `RollBack`."""
        self._commands.append(RollBack(factor))

    def receive(self) -> Command | None:
        """Take the oldest command not yet read, or None: what the loop does between two steps."""
        if self._poll is not None:
            self._poll()
        return self._commands.popleft() if self._commands else None
