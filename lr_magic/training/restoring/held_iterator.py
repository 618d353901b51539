"""Iterators that a sampler holds: they only go forward, so what a run drew from them is given again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any


class HeldIterator(Iterator[Any]):
    """An iterator that can be put back to where `begin` found it.

    The items of a sampler are numbers of samples, so keeping those of a run costs little. What the iterator did to draw
    them is not undone: a generator that uses a random state has moved on in it.

    Parameters
    ----------
    source
        Where new items come from.
    """

    __slots__ = ("_ahead", "_drawn", "source")

    def __init__(self, source: Iterator[Any]) -> None:
        self.source = source
        self._ahead: deque[Any] = deque()
        self._drawn: list[Any] | None = None

    def __next__(self) -> Any:
        item = self._ahead.popleft() if self._ahead else next(self.source)
        if self._drawn is not None:
            self._drawn.append(item)
        return item

    @property
    def is_as_before(self) -> bool:
        """Whether nothing is to be given before what comes from `source`."""
        return not self._ahead

    def begin(self) -> None:
        """Remember what is drawn from now on."""
        self._drawn = []

    def put_back(self) -> None:
        """Give again what was drawn since `begin`."""
        self._ahead.extendleft(reversed(self._drawn or ()))
        self._drawn = None


class HeldPlaces:
    """Where one iterator is held, and what stands there during and after a run.

    Parameters
    ----------
    iterator
        What is held.
    places
        Dicts, mostly the attributes of a sampler, each with the key of the iterator in it.
    """

    def __init__(self, iterator: Iterator[Any], places: list[tuple[dict[Any, Any], Any]]) -> None:
        self._held = iterator if isinstance(iterator, HeldIterator) else HeldIterator(iterator)
        self._places = places

    def set_aside(self) -> None:
        """Let a run draw through the one that remembers."""
        self._held.begin()
        self._hold(self._held)

    def put_back(self) -> None:
        """Let what follows draw the same again; the iterator itself comes back where a run drew nothing."""
        self._held.put_back()
        self._hold(self._held.source if self._held.is_as_before else self._held)

    def _hold(self, iterator: Iterator[Any]) -> None:
        for owner, key in self._places:
            owner[key] = iterator
