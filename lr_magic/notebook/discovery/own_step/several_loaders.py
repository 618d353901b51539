"""Several loaders at once, as a loop over ``zip(source_loader, target_loader)`` goes over them."""

from __future__ import annotations

import ast
from itertools import cycle
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.discovery.own_step.batch_loop import called, looked_through
from lr_magic.notebook.discovery.unwrapping import base_loader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class SeveralLoaders:
    """Batches of several loaders side by side; a pass ends with the shortest that is not repeated.

    Attributes
    ----------
    loaders
        The loaders, in the order of their batches.
    """

    def __init__(self, loaders: Sequence[Any], are_repeated: Sequence[bool]) -> None:
        self.loaders = tuple(loaders)
        self._are_repeated = tuple(are_repeated)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Go over all of them at once."""
        pairs = zip(self.loaders, self._are_repeated, strict=True)
        return zip(*(cycle(loader) if is_repeated else loader for loader, is_repeated in pairs), strict=False)

    def __len__(self) -> int:
        """Return the number of batches of a pass; a TypeError where a loader does not know its own."""
        pairs = zip(self.loaders, self._are_repeated, strict=True)
        return min(len(loader) for loader, is_repeated in pairs if not is_repeated)


def several_loaders(zipped: ast.expr, evaluate: Callable[[ast.expr], Any], loaders: list[Any]) -> SeveralLoaders | None:
    """Read the arguments of a ``zip``; None where one of them is no loader of the notebook, or all are endless."""
    if not isinstance(zipped, ast.Call) or zipped.keywords:
        return None
    parts = [_loader_and_repeated(argument, evaluate) for argument in zipped.args]
    known = all(any(loader is one for one in loaders) for loader, _ in parts)
    if not known or all(is_repeated for _, is_repeated in parts):
        return None
    return SeveralLoaders([loader for loader, _ in parts], [is_repeated for _, is_repeated in parts])


def _loader_and_repeated(argument: ast.expr, evaluate: Callable[[ast.expr], Any]) -> tuple[Any, bool]:
    is_repeated = isinstance(argument, ast.Call) and called(argument) == "cycle"
    inner = argument.args[0] if is_repeated and argument.args else argument  # type: ignore[attr-defined]
    return base_loader(evaluate(looked_through(inner))), is_repeated
