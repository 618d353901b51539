"""The names a body binds live beside the notebook's own, from one batch to the next."""

from __future__ import annotations

from typing import Any

from lr_magic.training.interrupts import hold_interrupts_in


class CarriedNames:
    """Context manager: names of a body that keep their values from batch to batch and never stay in the notebook.

    The body runs in the notebook's real namespace, so that functions defined there, comprehensions and lambdas see
    what it binds. Only in the block its names are in place; before and after, the notebook's own are.

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
        self._own: dict[str, Any] = {}

    def __enter__(self) -> None:
        namespace = self.namespace
        self._own = {name: namespace[name] for name in self._names if name in namespace}
        namespace.update(self._carried)

    def __exit__(self, *_: object) -> None:
        namespace, own = self.namespace, self._own
        self._carried = {name: namespace[name] for name in self._names if name in namespace}
        for name in self._carried:
            if name not in own:
                del namespace[name]
        namespace.update(own)

    def forget(self) -> None:
        """Begin anew: the next batch sees the notebook's own values."""
        self._carried.clear()


# The notebook must not be left with half of its names.
hold_interrupts_in(CarriedNames.__enter__.__code__)
hold_interrupts_in(CarriedNames.__exit__.__code__)
