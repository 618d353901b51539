"""What an interrupt or an error means for the result of a run."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from lr_magic.pure.results.stop_reason import StopReason


def reason_of(error: BaseException) -> StopReason:
    """INTERRUPTED or FAILED."""
    return StopReason.INTERRUPTED if isinstance(error, KeyboardInterrupt) else StopReason.FAILED


def detail_of(error: BaseException) -> str:
    """The error in one line: class and message; empty for an interrupt."""
    if isinstance(error, KeyboardInterrupt):
        return ""
    first_line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__


def attach_result(error: BaseException, result: Any) -> None:
    """Let the exception carry what was measured until then, as ``error.lr_magic_result``."""
    with suppress(AttributeError, TypeError):  # a class with __slots__ takes no attributes
        error.lr_magic_result = result  # type: ignore[attr-defined]
