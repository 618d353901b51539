"""Pieces of Python objects as they were: dicts, lists, small arrays, classes."""

from __future__ import annotations

from collections import OrderedDict, deque
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, Protocol
from zlib import crc32

if TYPE_CHECKING:
    from types import CellType, FunctionType

    import numpy as np


class Kept(Protocol):
    """Something that was recorded and can be put back."""

    def put_back(self) -> bool:
        """Make it what it was, if it changed; whether it is what it was, looked at afterwards."""


class DictState:
    """Items of one dict: the same objects under the same keys, in the same order.

    Read and filled past the methods of a class of its own: `Counter.update` would count.

    Attributes
    ----------
    content
        The dict.
    items
        Its keys and values as they were.
    """

    __slots__ = ("_base", "_ids", "content", "items")

    def __init__(self, content: dict[Any, Any]) -> None:
        self.content = content
        self._base = base_of(content)
        self.items = tuple(self._base.items(content))
        # Identities, not equality: comparing tensors for equality would run on the device.
        self._ids = self._identities()

    def put_back(self) -> bool:
        """Fill the dict with what it held, if that changed."""
        if self._identities() == self._ids:
            return True
        self._base.clear(self.content)
        self._base.update(self.content, self.items)
        return self._identities() == self._ids

    def _identities(self) -> tuple[list[int], list[int]]:
        return list(map(id, self._base.keys(self.content))), list(map(id, self._base.values(self.content)))


class ListState:
    """Items of one list, deque or set: the same objects in the same order; past the methods of a class of its own."""

    __slots__ = ("_base", "_content", "_ids", "_items")

    def __init__(self, content: Any) -> None:
        self._content = content
        self._base = base_of(content)
        self._items = tuple(self._base.__iter__(content))
        self._ids = list(map(id, self._items))

    def put_back(self) -> bool:
        """Fill the container with what it held, if that changed."""
        if self._is_as_before():
            return True
        self._base.clear(self._content)
        fill = self._base.update if self._base is set else self._base.extend
        fill(self._content, self._items)
        return self._is_as_before()

    def _is_as_before(self) -> bool:
        now = list(map(id, self._base.__iter__(self._content)))
        return now == self._ids or (self._base is set and sorted(now) == sorted(self._ids))


# OrderedDict before dict: filled as a plain dict it would lose its order.
_BASES: tuple[Any, ...] = (OrderedDict, dict, list, set, deque)


def base_of(container: object) -> Any:
    """Return the built-in class that a container is one of."""
    return next(base for base in _BASES if isinstance(container, base))


def slots_of(value: object) -> dict[str, Any]:
    """Attributes of an object that its class keeps in ``__slots__``, as far as they are set; most have none."""
    names = [name for kind in type(value).__mro__ for name in _slot_names(kind)]
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _slot_names(kind: type) -> list[str]:
    if not vars(kind).get("__slots__"):
        return []
    # Read where the class keeps them: a name that begins with two underscores has another one there.
    return [name for name, member in vars(kind).items() if isinstance(member, MemberDescriptorType)]


class SlotsState:
    """Attributes of one object whose class keeps them in ``__slots__``."""

    __slots__ = ("_before", "_object")

    def __init__(self, value: object, before: dict[str, Any]) -> None:
        self._object = value
        self._before = before

    def put_back(self) -> bool:
        """Set what changed, and take off what is new; past a frozen class's own refusal."""
        for name in slots_of(self._object).keys() - self._before.keys():
            object.__delattr__(self._object, name)
        for name, value in self._before.items():
            if getattr(self._object, name, self) is not value:
                object.__setattr__(self._object, name, value)
        return all(getattr(self._object, name) is value for name, value in self._before.items())


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
        return bool(self._array.tobytes() == self._copy.tobytes())


class LargeArrayState:
    """Checksum of a NumPy array that is too large to be copied: it is told afterwards whether it changed."""

    __slots__ = ("_array", "_checksum")

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self._checksum = self._sum_up()

    def put_back(self) -> bool:
        """Nothing can be; whether the array is what it was."""
        return self._sum_up() == self._checksum

    def _sum_up(self) -> tuple[object, ...]:
        array = self._array
        # in the order of its memory, so that nothing is copied
        return array.shape, array.dtype, crc32((array.T if array.flags.f_contiguous else array).data)


class BufferState:
    """Content of a `bytearray` or an `array.array`."""

    __slots__ = ("_buffer", "_copy")

    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer
        self._copy = buffer[:]

    def put_back(self) -> bool:
        """Fill the buffer with what it held."""
        self._buffer[:] = self._copy
        return bool(self._buffer == self._copy)


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


class ClassAttributes:
    """Attributes of a class itself: a counter of its objects, settings that a loop writes to."""

    __slots__ = ("_before", "_kind")

    def __init__(self, kind: type) -> None:
        self._kind = kind
        self._before = dict(vars(kind))

    def put_back(self) -> bool:
        """Set what changed, and take off what is new."""
        for name in [name for name in vars(self._kind) if name not in self._before]:
            delattr(self._kind, name)
        for name, value in self._before.items():
            if vars(self._kind).get(name, self) is not value:
                setattr(self._kind, name, value)
        return dict(vars(self._kind)) == self._before


class ClosureState:
    """What the variables around a function are bound to: ``nonlocal`` rebinds them."""

    __slots__ = ("_bound", "_cells")

    def __init__(self, function: FunctionType) -> None:
        self._cells = [cell for cell in function.__closure__ or () if _is_filled(cell)]
        self._bound = [cell.cell_contents for cell in self._cells]

    def put_back(self) -> bool:
        """Bind them again."""
        for cell, value in zip(self._cells, self._bound, strict=True):
            cell.cell_contents = value
        return all(cell.cell_contents is value for cell, value in zip(self._cells, self._bound, strict=True))


def _is_filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty one raises
    except ValueError:
        return False
    return True
