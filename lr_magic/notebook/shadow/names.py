"""The names of a notebook as they were, whatever a cell binds meanwhile."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# What the magics themselves bind.
_OUR_NAMES = ("lr_found", "fit_history")


@contextmanager
def names_put_back(namespace: dict[str, Any], *, keep: Collection[str] = _OUR_NAMES) -> Iterator[None]:
    """Bind every name again to what it was bound to, and remove new ones, when the block ends.

    The block runs in the real namespace, not in a copy: functions defined in earlier cells read what it binds (an
    optimizer, a device), and in a copy they would not see it.
    """
    before = dict(namespace)
    try:
        yield
    finally:
        for name in [name for name in namespace if name not in before and name not in keep]:
            del namespace[name]
        for name, value in before.items():
            if namespace.get(name, namespace) is not value and name not in keep:
                namespace[name] = value
