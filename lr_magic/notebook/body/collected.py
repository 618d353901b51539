"""What a body collects in objects of the notebook, put back where it was only to be measured."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lr_magic.training.restoring.copy_place import CopyPlace
from lr_magic.training.restoring.object_state import ObjectWalk
from lr_magic.training.restoring.tensor_state import TensorState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What trains is left alone, or kept by whoever runs the training.
_NOT_COLLECTED = (nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, torch.amp.GradScaler)
# A larger tensor is data; nobody sums up in it.
_LARGEST_SUM = 1 << 16


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
    try:
        yield
    finally:
        with torch.no_grad():
            for kept in walk.kept:
                kept.put_back()
            for state in tensors:
                state.put_back()
