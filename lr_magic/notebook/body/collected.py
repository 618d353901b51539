"""What a body collects in objects of the notebook, put back where it was only to be measured."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lr_magic.training.restoring.copy_place import CopyPlace
from lr_magic.training.restoring.object_state import ObjectWalk
from lr_magic.training.restoring.tensor_state import TensorState
from lr_magic.training.restoring.touched import CONTAINERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What trains is left alone, or kept by whoever runs the training.
_NOT_COLLECTED = (nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, torch.amp.GradScaler)
# A larger tensor is data; nobody sums up in it.
_LARGEST_SUM = 1 << 16
_PLAIN = (list, dict, set, deque, OrderedDict, defaultdict)


def _is_special(value: object) -> bool:
    """Whether a container is of a class of its own (a `Counter`, a framework's history), which no walk looks into."""
    return isinstance(value, CONTAINERS) and type(value) not in _PLAIN


class _SpecialItems:
    """Items of such a container, put back past its own methods: `Counter.update` would count."""

    def __init__(self, container: Any) -> None:
        self._container = container
        self._base: Any = next(base for base in CONTAINERS if isinstance(container, base))
        self._items = list(dict.items(container) if self._base is dict else container)

    def put_back(self) -> None:
        """Fill the container with what it held."""
        self._base.clear(self._container)
        fill = self._base.update if self._base in {dict, set} else self._base.extend
        fill(self._container, self._items)


@contextmanager
def put_back(values: Iterable[Any]) -> Iterator[None]:
    """Give lists, dicts, small tensors and objects of the notebook what they held, when the block ends."""
    tensors: list[TensorState] = []
    place = CopyPlace()

    def keep(tensor: torch.Tensor) -> None:
        if tensor.is_leaf and tensor.numel() <= _LARGEST_SUM:
            tensors.append(TensorState(tensor, place))

    walk = ObjectWalk(keep)
    for value in values:
        if not isinstance(value, _NOT_COLLECTED):
            walk.add(value)
    special = [_SpecialItems(value) for value in values if _is_special(value)]
    try:
        yield
    finally:
        with torch.no_grad():
            for kept in walk.kept:
                kept.put_back()
            for items in special:
                items.put_back()
            for state in tensors:
                state.put_back()
