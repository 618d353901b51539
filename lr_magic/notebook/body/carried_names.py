"""The names a body binds live beside the notebook's own, from one batch to the next."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class CarriedNames:
    """Names of a body that keep their values from batch to batch and never stay in the notebook.

    The body runs in the notebook's real namespace, so that functions defined there, comprehensions and lambdas see
    what it binds. Only for that moment its names are in place; before and after, the notebook's own are.

    Parameters
    ----------
    namespace
        The notebook's names.
    names
        The names that the body may bind.
    """

    def __init__(self, namespace: dict[str, Any], names: frozenset[str]) -> None:
        self.namespace = namespace
        self._names = names
        self._carried: dict[str, Any] = {}

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the carried values into the notebook, and afterwards the notebook's own back, whatever happens."""
        namespace = self.namespace
        own = {name: namespace[name] for name in self._names if name in namespace}
        namespace.update(self._carried)
        try:
            yield
        finally:
            self._carried = {name: namespace[name] for name in self._names if name in namespace}
            for name in self._carried.keys() - own.keys():
                del namespace[name]
            namespace.update(own)

    def forget(self) -> None:
        """Begin anew: the next batch sees the notebook's own values."""
        self._carried.clear()
