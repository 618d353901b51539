"""Holding back the interrupt (Ctrl-C, the notebook's stop button) where half a change would be left behind."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType, FrameType, TracebackType

# Code objects in which an interrupt is held back from their very first instruction on, before they can shut a gate.
_CRITICAL_CODE: set[CodeType] = set()


def hold_interrupts_in(code: CodeType) -> None:
    """Hold back every interrupt that arrives while this code object runs under an open gate."""
    _CRITICAL_CODE.add(code)


class InterruptGate:
    """Context manager: interrupts pass while the gate is open and wait while it is shut.

    Signals reach the main thread only, so in any other thread the gate does nothing. The handler that was there before
    is called for every interrupt let through, and is back in place afterwards.
    """

    def __init__(self) -> None:
        self._is_shut = False
        self._is_waiting = False
        self._is_installed = False
        self._previous: Any = None

    def __enter__(self) -> InterruptGate:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.getsignal(signal.SIGINT)
            # SIG_DFL, SIG_IGN and handlers set from C are decisions of the process, not ours to change.
            if callable(self._previous):
                signal.signal(signal.SIGINT, self._handle)
                self._is_installed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_installed:
            signal.signal(signal.SIGINT, self._previous)
            self._is_installed = False
        self._is_shut = False
        if error is None:
            self._let_waiting_pass()

    def shut(self) -> None:
        """From now on interrupts wait."""
        self._is_shut = True

    def open(self) -> None:
        """Interrupts pass again; one that has been waiting passes now.

        Raises
        ------
        KeyboardInterrupt
            If an interrupt arrived while the gate was shut.
        """
        self._is_shut = False
        if self._is_waiting:
            self._let_waiting_pass()

    def _let_waiting_pass(self) -> None:
        if self._is_waiting:
            self._is_waiting = False
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._is_shut or (frame is not None and frame.f_code in _CRITICAL_CODE):
            self._is_waiting = True
        else:
            self._previous(number, frame)
