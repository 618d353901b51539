"""What a person asks of a run while it goes on: a small mailbox that the loop reads between steps."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

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


Command = Stop | Pause | Resume


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
