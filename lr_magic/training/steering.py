"""What a loop does about the commands it receives between two steps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lr_magic.pure.control import Pause, Resume, RunControl, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Short enough that a button feels immediate, long enough that a pause costs no processor time.
_PAUSE_POLL_SECONDS = 0.02


class Steering:
    """Reads commands between steps: stops, holds, and passes on what the loop itself knows how to do.

    Parameters
    ----------
    control
        Where the commands come from; None for a run that nobody steers.
    handlers
        Type of command to what the loop does about it; commands of other types are ignored.
    sleep
        Waits some seconds, for tests.
    on_held
        Called after each pause with its seconds.
    """

    def __init__(
        self,
        control: RunControl | None,
        handlers: Mapping[type, Callable[[Any], None]] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        on_held: Callable[[float], None] | None = None,
    ) -> None:
        self._control = control
        self._on_held = on_held
        self._sleep = sleep
        self._handlers: dict[type, Callable[[Any], None]] = {
            Stop: self._stop,
            Pause: self._pause,
            Resume: self._resume,
            **(handlers or {}),
        }
        self._is_paused = False
        self.is_stopped = False
        self.paused_seconds = 0.0

    def follow(self) -> bool:
        """Act on every command that has come in, wait while paused; False once the run is to end."""
        if self._control is None:
            return True
        self._follow_received(self._control)
        if self._is_paused and not self.is_stopped:
            self._hold(self._control)
        return not self.is_stopped

    def _follow_received(self, control: RunControl) -> None:
        while (command := control.receive()) is not None:
            handler = self._handlers.get(type(command))
            if handler is not None:
                handler(command)

    def _hold(self, control: RunControl) -> None:
        begin = time.perf_counter()
        while self._is_paused and not self.is_stopped:
            self._sleep(_PAUSE_POLL_SECONDS)
            self._follow_received(control)
        seconds = time.perf_counter() - begin
        self.paused_seconds += seconds
        if self._on_held is not None:
            self._on_held(seconds)

    def _stop(self, _: Stop) -> None:
        self.is_stopped = True

    def _pause(self, _: Pause) -> None:
        self._is_paused = True

    def _resume(self, _: Resume) -> None:
        self._is_paused = False
