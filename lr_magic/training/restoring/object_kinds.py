"""What to do about a value that hangs on a model, an optimizer, a loader: which kind of state it is, if any."""

from __future__ import annotations

import io
import sys
from argparse import Namespace
from array import array
from collections import ChainMap, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Iterator
from enum import Enum, auto
from types import BuiltinFunctionType, FunctionType, MethodType, SimpleNamespace
from typing import Any, TypeGuard
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np
import torch
from torch import nn
from torch.amp import GradScaler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset, Sampler

from lr_magic.training.restoring.kept_states import slots_of
from lr_magic.training.restoring.random_state import is_random_source
from lr_magic.training.restoring.table_state import is_table


class Kind(Enum):
    """Kind of a value, by what is done about it."""

    IGNORED = auto()
    DICT = auto()
    LIST = auto()
    TUPLE = auto()
    TENSOR = auto()
    ARRAY = auto()
    RANDOM = auto()
    MODULE = auto()
    OBJECT = auto()
    OWN_CONTAINER = auto()
    BUFFER = auto()
    FILE = auto()
    TABLE = auto()
    ITERATOR = auto()


KIND_OF_TYPE: dict[type, Kind] = {
    dict: Kind.DICT,
    OrderedDict: Kind.DICT,
    defaultdict: Kind.DICT,
    list: Kind.LIST,
    set: Kind.LIST,
    deque: Kind.LIST,
    tuple: Kind.TUPLE,
}
_IGNORED_TYPES = (bool, int, float, str, bytes, type(None), FunctionType, MethodType)
KIND_OF_TYPE.update(dict.fromkeys(_IGNORED_TYPES, Kind.IGNORED))
_KIND_OF_BASE: tuple[tuple[Any, Kind], ...] = (
    (torch.Tensor, Kind.TENSOR),
    (nn.Module, Kind.MODULE),
    (np.ndarray, Kind.ARRAY),
    (tuple, Kind.TUPLE),
    ((bytearray, array), Kind.BUFFER),
    (io.IOBase, Kind.FILE),
    (dict, Kind.OWN_CONTAINER),
    (list, Kind.OWN_CONTAINER),
    (set, Kind.OWN_CONTAINER),
    (deque, Kind.OWN_CONTAINER),
)
_PLAIN_CONTAINERS = (UserDict, UserList, ChainMap, WeakKeyDictionary, WeakValueDictionary)
PLAIN_NAMESPACES = (SimpleNamespace, Namespace, *_PLAIN_CONTAINERS)
"""Classes of the standard library whose objects are settings and collections of the person's own."""
_KNOWN_KINDS = (Optimizer, LRScheduler, GradScaler, DataLoader, Dataset, Sampler, *PLAIN_NAMESPACES)
# Objects of these packages hold handles and machinery, not the state of a training.
_FOREIGN_PACKAGES = frozenset(
    {"torch", "numpy", "pandas", "PIL", "h5py", "IPython", "ipywidgets", "traitlets", "bqplot"}
)


def kind_of(value: object) -> Kind:
    """What to do about a value of this type."""
    kind = KIND_OF_TYPE.get(type(value))
    if kind is not None:
        return kind
    for base, kind_of_base in _KIND_OF_BASE:
        if isinstance(value, base):
            return kind_of_base
    if is_random_source(value):
        return Kind.RANDOM
    if is_table(value):
        return Kind.TABLE
    if isinstance(value, Iterator) and not hasattr(value, "__dict__"):
        return Kind.ITERATOR
    return Kind.OBJECT if has_own_state(value) else Kind.IGNORED


def only_goes_forward(value: object) -> TypeGuard[Iterator[Any]]:
    """Whether a value is an iterator whose place can be neither read nor set: a generator, a pass over a loader."""
    return isinstance(value, Iterator) and kind_of(value) in {Kind.ITERATOR, Kind.IGNORED}


def has_own_state(value: object) -> bool:
    """Whether an object's attributes are its state: not so for classes, functions and the machinery of Python."""
    if isinstance(value, _KNOWN_KINDS):
        return True
    if isinstance(value, (type, BuiltinFunctionType)) or not (hasattr(value, "__dict__") or slots_of(value)):
        return False
    package = (type(value).__module__ or "").partition(".")[0]
    return package not in sys.stdlib_module_names and package not in _FOREIGN_PACKAGES
