"""Finds what models, optimizers, loaders and samplers consist of, and records whatever of it can be put back."""

from __future__ import annotations

from collections import deque
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from lr_magic.training.restoring.file_state import FileState
from lr_magic.training.restoring.kept_states import (
    ArrayState,
    BufferState,
    ClassAttributes,
    ClassState,
    ClosureState,
    DictState,
    EmptyStates,
    LargeArrayState,
    ListState,
    SlotsState,
    slots_of,
)
from lr_magic.training.restoring.object_kinds import KIND_OF_TYPE, Kind, kind_of, only_goes_forward
from lr_magic.training.restoring.random_state import GeneratorState
from lr_magic.training.restoring.scripted_module import ScriptedState
from lr_magic.training.restoring.table_state import TableState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lr_magic.training.restoring.kept_states import Kept

# A container longer than this is data, not state: copying it would cost as much as a step.
_LONGEST_CONTAINER = 100_000
# An array larger than this, in bytes, is data, not state.
_LARGEST_ARRAY = 1 << 16
# The same for one that is not merely found, but given to the walk.
_LARGEST_NAMED_ARRAY = 1 << 20
# How many objects deep the walk follows what is neither a module nor known from torch.
_DEPTH = 4


_IGNORED = Kind.IGNORED
_FILLED_ANEW = frozenset({Kind.DICT, Kind.LIST})


class ObjectWalk:
    """Walks through objects and records whatever can be put back.

    Parameters
    ----------
    keep_tensor
        Called once with each tensor that is found; None leaves tensors alone.
    longest_searched
        Containers with more items than this are kept but not searched for further state.

    Attributes
    ----------
    kept
        What can be put back.
    iterators
        Generators and their like that were found: they only go forward.
    """

    def __init__(
        self, keep_tensor: Callable[[torch.Tensor], None] | None, *, longest_searched: int = 1_000_000
    ) -> None:
        self._empty = EmptyStates()
        self.kept: list[Kept] = [self._empty]
        self.iterators: list[Iterator[Any]] = []
        self._keep_tensor = keep_tensor if keep_tensor is not None else lambda _: None
        self._longest_searched = longest_searched
        # The objects themselves, so that no id can be used twice while the walk is known.
        self._seen: dict[int, object] = {}
        self._kinds: dict[type, Kind] = dict(KIND_OF_TYPE)
        # Found, and not yet looked at; a walk that calls itself would not get to the end of a long chain.
        self._ahead: deque[tuple[Any, int]] = deque()

    def add(self, root: object) -> None:
        """Record an object with everything that hangs on it."""
        if only_goes_forward(root):
            # half put back it would be worse than left
            self.iterators.append(root)
        elif kind_of(root) is Kind.IGNORED and id(root) not in self._seen:
            self._seen[id(root)] = root
            if isinstance(root, type):
                self.kept.append(ClassAttributes(root))
                self._visit_all(vars(root).values(), _DEPTH)
            elif isinstance(root, FunctionType):
                self.kept.append(ClosureState(root))
                self._visit_all([*(root.__defaults__ or ()), *(root.__kwdefaults__ or {}).values()], _DEPTH)
            self._enter(root, _DEPTH)
        elif isinstance(root, np.ndarray) and id(root) not in self._seen:
            self._seen[id(root)] = root
            self._keep_named_array(root)
        else:
            self._visit(root, _DEPTH)
        while self._ahead:
            self._visit(*self._ahead.popleft())

    def leave_out(self, value: object) -> None:
        """Do not follow an object."""
        self._seen[id(value)] = value

    def _visit(self, value: Any, depth: int) -> None:  # noqa: C901 - one branch per kind
        kind = self._kinds.get(type(value))
        if kind is None:
            kind = self._kinds[type(value)] = kind_of(value)
        if kind is Kind.IGNORED or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if kind is Kind.DICT:
            self._visit_dict(value, depth)
        elif kind is Kind.LIST or kind is Kind.TUPLE:
            self._visit_sequence(value, depth, is_tuple=kind is Kind.TUPLE)
        elif kind is Kind.TENSOR:
            self._keep_tensor(value)
        elif kind is Kind.MODULE:
            self._visit_module(value, depth)
        elif kind is Kind.ARRAY:
            if value.nbytes <= _LARGEST_ARRAY:
                self._keep_array(value)
        elif kind in _STATES:
            self.kept.append(_STATES[kind](value))
        elif kind is Kind.ITERATOR:
            self.iterators.append(value)
        elif kind is Kind.OWN_CONTAINER:
            self._visit_own_container(value, depth)
        elif depth > 0:
            # a stage of a pipeline hangs on the one before it, however many there are
            self._enter(value, depth if hasattr(type(value), "__iter__") else depth - 1)

    def _keep_array(self, value: np.ndarray) -> None:
        if value.flags.writeable:
            self.kept.append(ArrayState(value))

    def _keep_named_array(self, value: np.ndarray) -> None:
        """An array that was meant by itself: copied up to a larger size, and looked at whatever its size."""
        if value.nbytes <= _LARGEST_NAMED_ARRAY:
            self._keep_array(value)
        elif value.flags.writeable and value.flags.forc and value.dtype.kind in "biufc":
            self.kept.append(LargeArrayState(value))

    def _visit_module(self, module: nn.Module, depth: int) -> None:
        self.kept.append(ClassState(module))
        self._enter(module, depth)
        if isinstance(module, torch.jit.ScriptModule):
            scripted = ScriptedState(module)
            self.kept.append(scripted)
            self._visit_all(scripted.parts, depth)

    def _visit_dict(self, content: dict[Any, Any], depth: int) -> None:
        if not content:
            self._empty.containers.append(content)
        elif len(content) <= _LONGEST_CONTAINER:
            self.kept.append(DictState(content))
            self._visit_all(content.values(), depth)

    def _visit_sequence(self, content: Any, depth: int, *, is_tuple: bool) -> None:
        if not content and not is_tuple:
            self._empty.containers.append(content)
        elif len(content) <= _LONGEST_CONTAINER:
            if not is_tuple:
                self.kept.append(ListState(content))
            self._visit_all(content, depth)

    def _visit_own_container(self, content: Any, depth: int) -> None:
        """A container of a class of its own (a `Counter`, a framework's history): its items, and its attributes."""
        if len(content) <= _LONGEST_CONTAINER:
            is_dict = isinstance(content, dict)
            self.kept.append(DictState(content) if is_dict else ListState(content))
            self._visit_all(dict.values(content) if is_dict else content, depth)
        self._enter(content, depth)

    def _visit_all(self, values: Any, depth: int) -> None:
        if len(values) > self._longest_searched:
            return
        # Of some 150 values that hang on a small model nearly all are plain or empty: those cost no call.
        kinds, empty, ahead = self._kinds, self._empty.containers, self._ahead
        for value in values:
            kind = kinds.get(type(value))
            if kind is _IGNORED:
                continue
            if kind in _FILLED_ANEW and not value:
                empty.append(value)
            else:
                ahead.append((value, depth))

    def _enter(self, value: object, depth: int) -> None:
        attributes = getattr(value, "__dict__", None)
        if type(attributes) is dict:
            self.kept.append(DictState(attributes))
            self._visit_all(attributes.values(), depth)
        slots = {} if isinstance(value, nn.Module) else slots_of(value)
        if slots:
            self.kept.append(SlotsState(value, slots))
            self._visit_all(slots.values(), depth)


_STATES: dict[Kind, Callable[[Any], Kept]] = {
    Kind.RANDOM: GeneratorState,
    Kind.BUFFER: BufferState,
    Kind.FILE: FileState,
    Kind.TABLE: TableState,
}
