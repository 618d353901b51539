"""What running a body or a cell may change beside the model: handed to the engine's restore with the model."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_PLAIN_CONTAINERS = (list, dict, set, deque, OrderedDict, defaultdict)
_RANDOM = (torch.Generator, np.random.Generator, np.random.RandomState)
_TRAINED = (nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, torch.amp.GradScaler)
# Objects of these are followed as those of the notebook's own classes are: their state is that of a training.
_FRAMEWORKS = (
    "lightning", "pytorch_lightning", "lightning_fabric", "ignite", "fastai", "skorch", "accelerate", "transformers",
    "torchmetrics", "torch_geometric",
)  # fmt: skip
# A tensor larger than this, in bytes, is data: nobody sums up in it.
_LARGEST_SUM = 1 << 20


def touched_objects(names: Sequence[str], namespace: Mapping[str, Any]) -> list[Any]:
    """Objects behind these names that a run may change, each once: what trains, what is counted, what is collected."""
    own_module = str(namespace.get("__name__", "__main__"))
    values = [namespace[name] for name in names if name in namespace]
    return list({id(value): value for value in values if can_change(value, own_module)}.values())


def can_change(value: object, own_module: str) -> bool:
    """Whether a run may change an object, as far as it can be put back."""
    if isinstance(value, torch.Tensor):
        return value.is_leaf and value.numel() * value.element_size() <= _LARGEST_SUM
    if isinstance(value, (*_TRAINED, *_RANDOM)) or type(value) in _PLAIN_CONTAINERS:
        return True
    if isinstance(value, (type, Dataset, DataLoader)) or not hasattr(value, "__dict__"):
        return False
    module = type(value).__module__
    return module == own_module or module.partition(".")[0] in _FRAMEWORKS


def parts_of(values: Iterable[Any], own_module: str, *, depth: int = 5) -> list[Any]:
    """The values and what hangs on them, each once, so that a restore that follows a few attributes reaches all.

    Modules and optimizers are not entered: a restore follows those through by itself.
    """
    found: dict[int, Any] = {}
    layer = list(values)
    for _ in range(depth):
        fresh = [value for value in layer if id(value) not in found and can_change(value, own_module)]
        found.update((id(value), value) for value in fresh)
        layer = [inner for value in fresh if not isinstance(value, _TRAINED) for inner in _inside(value)]
    return list(found.values())


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if type(value) in _PLAIN_CONTAINERS:
        # a long list holds data, one object like the other
        return list(value) if len(value) <= 1000 else []
    return list(getattr(value, "__dict__", {}).values())


class WithTouched(nn.Module):
    """A model together with what else a run changes, so that a restore of the model puts all of it back.

    It trains and evaluates as the model itself; what is touched beside it is no part of it.
    """

    def __init__(self, model: nn.Module | None, touched: Sequence[Any]) -> None:
        super().__init__()
        if model is not None:
            self.model = model
            self.training = model.training
        self.__dict__["touched"] = list(touched)


def with_touched(model: nn.Module, touched: Sequence[Any]) -> nn.Module:
    """Return the model, with what is touched beside it where that has tensors of its own to be put back."""
    parts = {id(part) for part in model.modules()}
    others = [value for value in touched if id(value) not in parts]
    has_tensors = any(type(value) not in _PLAIN_CONTAINERS for value in others)
    return WithTouched(model, others) if has_tensors else model
