"""Python objects as they were: attributes, containers and random sources of models, optimizers, loaders, samplers."""

from __future__ import annotations

import sys
from collections import OrderedDict, defaultdict, deque
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import nn
from torch.amp import GradScaler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset, Sampler

from lr_magic.training.random_state import GeneratorState, is_random_source

if TYPE_CHECKING:
    from collections.abc import Callable

_CONTAINERS = (dict, OrderedDict, defaultdict, list, set, deque)
# A container longer than this is data, not state: copying it would cost as much as a step.
_LONGEST_CONTAINER = 100_000


class Kept(Protocol):
    """Something that was recorded and can be put back."""

    def put_back(self) -> None:
        """Make it what it was."""

    def is_back(self) -> bool:
        """Whether it is what it was."""


class ContainerState:
    """Items of one list, dict, set or deque: the same objects in the same places."""

    __slots__ = ("_container", "_items", "_keys")

    def __init__(self, container: Any) -> None:
        self._container = container
        self._keys = tuple(container) if isinstance(container, dict) else ()
        self._items = tuple(container.values()) if isinstance(container, dict) else tuple(container)

    def put_back(self) -> None:
        """Fill the container with what it held, if that changed."""
        if self.is_back():
            return
        container = self._container
        container.clear()
        if isinstance(container, dict):
            container.update(zip(self._keys, self._items, strict=True))
        elif isinstance(container, set):
            container.update(self._items)
        else:
            container.extend(self._items)

    def is_back(self) -> bool:
        """Whether it holds the very objects that it held."""
        container = self._container
        if isinstance(container, dict):
            return _are_same(container.values(), self._items) and all(map(_is_equal, container, self._keys))
        return _are_same(container, self._items)


def _are_same(now: Any, before: tuple[Any, ...]) -> bool:
    return len(now) == len(before) and all(map(_is, now, before))


def _is(one: object, other: object) -> bool:
    return one is other


def _is_equal(one: object, other: object) -> bool:
    return one is other or (not isinstance(one, torch.Tensor) and one == other)


class ClassState:
    """Class of an object: lazy modules change theirs when they learn their shape."""

    __slots__ = ("_kind", "_object")

    def __init__(self, value: object) -> None:
        self._object = value
        self._kind = type(value)

    def put_back(self) -> None:
        """Give the object its class back."""
        if type(self._object) is not self._kind:
            self._object.__class__ = self._kind

    def is_back(self) -> bool:
        """Whether it is of that class."""
        return type(self._object) is self._kind


class ObjectWalk:
    """Walks through objects and records whatever can be put back.

    Parameters
    ----------
    keep_tensor
        Called once with each tensor that is found.
    longest_searched
        Containers with more items than this are kept but not searched for further state.
    """

    def __init__(self, keep_tensor: Callable[[torch.Tensor], None], *, longest_searched: int = 1_000_000) -> None:
        self.kept: list[Kept] = []
        self._keep_tensor = keep_tensor
        self._longest_searched = longest_searched
        # The objects themselves, so that no id can be used twice while the walk is known.
        self._seen: dict[int, object] = {}

    def add(self, root: Any) -> None:
        """Record an object with everything that hangs on it."""
        if id(root) in self._seen:
            return
        if _is_leaf(root):
            self._visit(root, _DEPTH)
        else:
            self._seen[id(root)] = root
            self._enter(root, _DEPTH)

    def mark_seen(self, value: object) -> None:
        """Leave an object out."""
        self._seen[id(value)] = value

    def _visit(self, value: Any, depth: int) -> None:
        if type(value) in _PLAIN or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, torch.Tensor):
            self._keep_tensor(value)
        elif is_random_source(value):
            self.kept.append(GeneratorState(value))
        elif type(value) in _CONTAINERS:
            self._visit_container(value, depth)
        elif type(value) is tuple:
            self._visit_all(value, depth)
        elif isinstance(value, nn.Module):
            self._enter(value, depth)
        elif depth > 0 and _has_own_state(value):
            self._enter(value, depth - 1)

    def _visit_container(self, container: Any, depth: int) -> None:
        if len(container) <= _LONGEST_CONTAINER:
            self.kept.append(ContainerState(container))
            self._visit_all(container.values() if isinstance(container, dict) else container, depth)

    def _visit_all(self, values: Any, depth: int) -> None:
        if len(values) <= self._longest_searched:
            for value in values:
                self._visit(value, depth)

    def _enter(self, value: Any, depth: int) -> None:
        attributes = getattr(value, "__dict__", None)
        if type(attributes) is not dict:
            return
        if isinstance(value, nn.Module):
            self.kept.append(ClassState(value))
        self.kept.append(ContainerState(attributes))
        self._visit_all(tuple(attributes.values()), depth)


# How many foreign objects deep the walk goes; modules are followed to their end.
_DEPTH = 4
_PLAIN = frozenset({bool, int, float, str, bytes, type(None), type, torch.device, torch.dtype, torch.Size})
_FUNCTIONS = (type, FunctionType, MethodType, BuiltinFunctionType)
_KNOWN_KINDS = (nn.Module, Optimizer, LRScheduler, GradScaler, DataLoader, Dataset, Sampler)
# Objects of these packages hold handles and machinery, not the state of a training.
_FOREIGN_PACKAGES = frozenset(
    {"torch", "numpy", "pandas", "PIL", "h5py", "IPython", "ipywidgets", "traitlets", "bqplot"}
)


def _is_leaf(value: object) -> bool:
    return isinstance(value, torch.Tensor) or type(value) in _CONTAINERS or is_random_source(value)


def _has_own_state(value: object) -> bool:
    """Whether an object's attributes are its state: not so for classes, functions and the machinery of Python."""
    if isinstance(value, _KNOWN_KINDS):
        return True
    if isinstance(value, _FUNCTIONS) or not hasattr(value, "__dict__"):
        return False
    package = (type(value).__module__ or "").partition(".")[0]
    return package not in sys.stdlib_module_names and package not in _FOREIGN_PACKAGES
