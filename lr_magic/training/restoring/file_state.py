"""Files that were open before a run: where they stood. What was written into one stays, and is told."""

from __future__ import annotations

import io
from typing import Any


class FileState:
    """Position of one open file; the content too, where the file is one in memory.

    Parameters
    ----------
    file
        What `open`, `io.StringIO` or `io.BytesIO` gave.
    """

    __slots__ = ("_content", "_file", "_position")

    def __init__(self, file: io.IOBase) -> None:
        self._file = file
        self._content = file.getvalue() if isinstance(file, (io.StringIO, io.BytesIO)) and not file.closed else None
        self._position = _position_of(file)

    def put_back(self) -> bool:
        """Let the file be read on from where it was; False where it was written into, or cannot go back."""
        if _position_of(self._file) == self._position:
            return self._position is not None or self._file.closed
        if self._position is None or self._file.closed:
            return False
        if self._content is not None:
            _fill(self._file, self._content)
        elif self._file.writable():
            return False
        self._file.seek(self._position)
        return _position_of(self._file) == self._position


def _position_of(file: io.IOBase) -> int | None:
    """Where a file stands; None where it does not know: a pipe, a screen, one that is being gone through by lines."""
    try:
        return file.tell()
    except (OSError, ValueError):
        return None


def _fill(file: Any, content: str | bytes) -> None:
    file.seek(0)
    file.truncate()
    file.write(content)
