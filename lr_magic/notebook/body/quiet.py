"""Keeps what a person's code prints and displays off the screen while it is only measured."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType


class Quiet:
    """Context manager: prints and displays stay off the screen; if the block fails, what it printed is shown after all.

    Parameters
    ----------
    also_errors
        The stream of errors too, where progress bars are drawn.
    """

    def __init__(self, *, also_errors: bool = False) -> None:
        self._names = ("stdout", "stderr") if also_errors else ("stdout",)
        self._printed = StringIO()
        self._streams: dict[str, Any] = {}
        self._shell = _running_shell()
        self._publisher: Any = None

    def __enter__(self) -> Quiet:  # noqa: PYI034 - Self needs Python 3.11
        self._hush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._speak()
        if isinstance(error, Exception):
            sys.stdout.write(self._printed.getvalue())

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Let prints and displays through for a moment: those of a view."""
        self._speak()
        try:
            yield
        finally:
            self._hush()

    def _hush(self) -> None:
        for name in self._names:
            self._streams[name] = getattr(sys, name)
            setattr(sys, name, self._printed)
        if self._shell is not None:
            from IPython.core.displaypub import CapturingDisplayPublisher  # noqa: PLC0415 - loaded where a shell runs

            self._publisher = self._shell.display_pub
            self._shell.display_pub = CapturingDisplayPublisher()

    def _speak(self) -> None:
        for name, stream in self._streams.items():
            setattr(sys, name, stream)
        if self._shell is not None:
            self._shell.display_pub = self._publisher


def _running_shell() -> Any:
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython  # noqa: PLC0415 - loaded where a shell runs

    return get_ipython()
