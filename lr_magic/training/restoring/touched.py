"""What running a body or a cell may change beside the model: handed to the engine's restore with the model."""

from __future__ import annotations

import io
from array import array
from collections import deque
from functools import partial
from types import CellType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from lr_magic.training.restoring.kept_states import slots_of
from lr_magic.training.restoring.object_kinds import PLAIN_NAMESPACES, has_own_state, only_goes_forward
from lr_magic.training.restoring.random_state import is_random_source
from lr_magic.training.restoring.table_state import is_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CONTAINERS = (list, dict, set, deque)
# What else is put back with what it holds.
_CONTENTS = (tuple, bytearray, array, io.IOBase)
_TRAINED = (nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, torch.amp.GradScaler)
# Objects of these are followed as those of the notebook's own classes are: their state is that of a training.
_FRAMEWORKS = (
    "lightning", "pytorch_lightning", "lightning_fabric", "ignite", "fastai", "skorch", "accelerate", "transformers",
    "torchmetrics", "torch_geometric",
)  # fmt: skip
# What an object of any other library holds where it takes part in a training: averaged weights, an optimizer's rates.
_OF_TRAINING = (torch.Tensor, torch.Generator, *_TRAINED)
# One that holds nothing else is a record: a meter, a counter.
_PLAIN = (bool, int, float, complex, str, bytes, type(None), tuple, *CONTAINERS, np.ndarray, np.generic)
# An array larger than this, in bytes, is not even looked at.
_LARGEST_ARRAY = 1 << 28
# A longer container holds data; what it consists of is not searched.
_LONGEST_SEARCHED = 1_000
# More than this is no state of a training either.
_MOST_OBJECTS = 50_000


def touched_objects(names: Sequence[str], namespace: Mapping[str, Any]) -> list[Any]:
    """Objects behind these names that a run may change, each once: what trains, what is counted, what is collected."""
    own_module = str(namespace.get("__name__", "__main__"))
    values = [namespace[name] for name in names if name in namespace]
    return list({id(value): value for value in values if can_change(value, own_module)}.values())


def can_change(value: object, own_module: str) -> bool:
    """Whether a run may change an object, as far as it can be put back."""
    if isinstance(value, torch.Tensor):
        return value.is_leaf
    if isinstance(value, np.ndarray):
        return value.nbytes <= _LARGEST_ARRAY
    if only_goes_forward(value):
        return True
    if isinstance(value, (*_TRAINED, *CONTAINERS, *_CONTENTS)) or is_random_source(value) or is_table(value):
        return True
    if isinstance(value, (type, FunctionType)):
        return value.__module__ == own_module
    return not isinstance(value, (Dataset, DataLoader)) and _is_followed(value, own_module)


def parts_of(values: Iterable[Any], own_module: str) -> list[Any]:
    """The values and what hangs on them, each once, inner ones first.

    A restore follows a few attributes of each; given the inner ones first, it reaches all. Modules and optimizers are
    not entered here: a restore follows those through by itself. What a function holds on to (an engine's step, the
    model in it) is found as well.
    """
    seen: dict[int, Any] = {}
    layer = list(values)
    while layer and len(seen) < _MOST_OBJECTS:
        fresh = list({id(value): value for value in layer if id(value) not in seen}.values())
        seen.update((id(value), value) for value in fresh)
        layer = [inner for value in fresh for inner in _inside(value, own_module)]
    return [value for value in reversed(seen.values()) if can_change(value, own_module)]


def _inside(value: Any, own_module: str) -> Sequence[Any]:
    if isinstance(value, _TRAINED):
        return ()
    if isinstance(value, (*CONTAINERS, tuple)):
        # a long one holds data, one item like the other
        contents = () if len(value) > _LONGEST_SEARCHED else value.values() if isinstance(value, dict) else value
        return (*contents, *getattr(value, "__dict__", {}).values())
    if isinstance(value, FunctionType):
        return [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
    if isinstance(value, MethodType):
        return (value.__self__,)
    if isinstance(value, partial):
        return (value.func, *value.args, *value.keywords.values())
    return tuple(_attributes_of(value).values()) if _is_followed(value, own_module) else ()


def _attributes_of(value: object) -> dict[str, Any]:
    attributes = getattr(value, "__dict__", None)
    return {**(attributes if isinstance(attributes, dict) else {}), **slots_of(value)}


def _is_followed(value: object, own_module: str) -> bool:
    """Whether an object's attributes are followed: of the notebook's own classes, of frameworks, of what trains."""
    if isinstance(value, type) or not (isinstance(getattr(value, "__dict__", None), dict) or slots_of(value)):
        return False
    if isinstance(value, PLAIN_NAMESPACES):
        return True
    module = type(value).__module__ or ""
    if module == own_module or module.partition(".")[0] in _FRAMEWORKS:
        return True
    return not isinstance(value, (Dataset, DataLoader)) and has_own_state(value) and _belongs_to_training(value)


def _belongs_to_training(value: object) -> bool:
    """Whether an object holds something of a training, or nothing but plain values.

    What holds neither is machinery (a figure, a connection, a simulation): half put back, it would be worse than left.
    """
    held = list(_attributes_of(value).values())
    for content in [each for each in held if isinstance(each, (*CONTAINERS, tuple))]:
        if len(content) <= _LONGEST_SEARCHED:
            held += content.values() if isinstance(content, dict) else content
    return any(isinstance(each, _OF_TRAINING) for each in held) or all(isinstance(each, _PLAIN) for each in held)


def _is_filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
