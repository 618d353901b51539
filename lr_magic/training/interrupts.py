"""Holding back the interrupt (Ctrl-C, the notebook's stop button) where half a change would be left behind."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType, TracebackType

# Code objects in which an interrupt waits from their very first instruction on, before they can lock a gate.
_LOCKED_CODE: set[CodeType] = set()


def hold_interrupts_in(code: CodeType) -> None:
    """Let every interrupt wait that arrives while this code object runs within a gate."""
    _LOCKED_CODE.add(code)


class InterruptGate:
    """Context manager: interrupts pass while the gate is open and wait while it is shut or locked.

    Shut, it gives way to a second interrupt, since what is held up may hang; locked, it never does. Signals reach the
    main thread only, so in any other thread the gate does nothing. The handler that was there before is called for
    every interrupt that passes, and is back in place afterwards.

    Attributes
    ----------
    has_let_pass
        Whether an interrupt went on to the code inside, which may have caught it.
    """

    def __init__(self) -> None:
        self.has_let_pass = False
        self._is_shut = False
        self._is_locked = False
        self._is_waiting = False
        self._is_installed = False
        self._previous: Any = None

    def __enter__(self) -> InterruptGate:  # noqa: PYI034 - Self needs Python 3.11
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
        if error is None:
            self.open()

    def shut(self) -> None:
        """From now on an interrupt waits; a second one passes."""
        self._is_shut = True

    @contextmanager
    def shut_meanwhile(self) -> Iterator[None]:
        """Be shut for a block, and then as before; after an error in it the gate stays shut."""
        was_open = not (self._is_shut or self._is_locked)
        self.shut()
        yield
        if was_open:
            self.open()

    def lock(self) -> None:
        """From now on every interrupt waits."""
        self._is_locked = True

    def open(self) -> None:
        """Interrupts pass again; one that has been waiting passes now.

        Raises
        ------
        KeyboardInterrupt
            If an interrupt arrived meanwhile.
        """
        self._is_shut = self._is_locked = False
        if self._is_waiting:
            self._is_waiting = False
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        is_locked = self._is_locked or (frame is not None and frame.f_code in _LOCKED_CODE)
        if is_locked or (self._is_shut and not self._is_waiting):
            self._is_waiting = True
        else:
            self._is_waiting = False
            self.has_let_pass = True
            self._previous(number, frame)
