"""Pieces of Python objects as they were: dicts, lists, small arrays, classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np


class Kept(Protocol):
    """Something that was recorded and can be put back."""

    def put_back(self) -> bool:
        """Make it what it was, if it changed; whether it is what it was, looked at afterwards."""


class DictState:
    """Items of one dict: the same objects under the same keys, in the same order."""

    __slots__ = ("_content", "_ids", "_items")

    def __init__(self, content: dict[Any, Any]) -> None:
        self._content = content
        self._items = tuple(content.items())
        # Identities, not equality: comparing tensors for equality would run on the device.
        self._ids = _identities(content)

    def put_back(self) -> bool:
        """Fill the dict with what it held, if that changed."""
        if _identities(self._content) == self._ids:
            return True
        self._content.clear()
        self._content.update(self._items)
        return _identities(self._content) == self._ids


def _identities(content: dict[Any, Any]) -> tuple[list[int], list[int]]:
    return list(map(id, content)), list(map(id, content.values()))


class ListState:
    """Items of one list, deque or set: the same objects in the same order."""

    __slots__ = ("_content", "_ids", "_items")

    def __init__(self, content: Any) -> None:
        self._content = content
        self._items = tuple(content)
        self._ids = list(map(id, self._items))

    def put_back(self) -> bool:
        """Fill the container with what it held, if that changed."""
        if self._is_as_before():
            return True
        self._content.clear()
        fill = self._content.update if isinstance(self._content, set) else self._content.extend
        fill(self._items)
        return self._is_as_before()

    def _is_as_before(self) -> bool:
        now = list(map(id, self._content))
        return now == self._ids or (isinstance(self._content, set) and sorted(now) == sorted(self._ids))


class EmptyStates:
    """Containers that were empty: of a model's hooks alone there are a dozen per module."""

    __slots__ = ("containers",)

    def __init__(self) -> None:
        self.containers: list[Any] = []

    def put_back(self) -> bool:
        """Empty them again."""
        for container in self.containers:
            if container:
                container.clear()
        return not any(self.containers)


class ArrayState:
    """Bytes of one small NumPy array."""

    __slots__ = ("_array", "_copy")

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self._copy = array.copy()

    def put_back(self) -> bool:
        """Write the bytes back."""
        if self._array.shape != self._copy.shape or self._array.dtype != self._copy.dtype:
            return False
        self._array[...] = self._copy
        return self._array.tobytes() == self._copy.tobytes()


class ClassState:
    """Class of an object: lazy modules change theirs when they learn their shape."""

    __slots__ = ("_kind", "_object")

    def __init__(self, value: object) -> None:
        self._object = value
        self._kind = type(value)

    def put_back(self) -> bool:
        """Give the object its class back."""
        if type(self._object) is not self._kind:
            self._object.__class__ = self._kind
        return type(self._object) is self._kind
