"""Tables of pandas as they were, without pandas being loaded for it."""

from __future__ import annotations

import sys
from typing import Any

# A larger table, in bytes, is data: nobody collects losses in it.
_LARGEST_TABLE = 1 << 24


def is_table(value: object) -> bool:
    """Whether a value is a DataFrame or a Series of pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, (pandas.DataFrame, pandas.Series))


class TableState:
    """Rows and columns of one table; of a large one, only its labels, to see afterwards whether it grew.

    Parameters
    ----------
    table
        DataFrame or Series.
    """

    __slots__ = ("_copy", "_labels", "_table")

    def __init__(self, table: Any) -> None:
        self._table = table
        size = table.memory_usage()
        self._copy = table.copy() if size.sum() <= _LARGEST_TABLE else None
        self._labels = table.axes

    def put_back(self) -> bool:
        """Give the table its content back, if that changed."""
        if self._copy is not None and not self._is_as_before():
            self._table._update_inplace(self._copy.copy())  # noqa: SLF001 - what all `inplace=True` of pandas goes through
        return self._is_as_before()

    def _is_as_before(self) -> bool:
        if self._copy is not None:
            return bool(self._table.equals(self._copy)) and self._has_labels()
        return self._has_labels()

    def _has_labels(self) -> bool:
        return all(now.equals(before) for now, before in zip(self._table.axes, self._labels, strict=True))
