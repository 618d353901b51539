"""Names of a notebook that could be meant where one was typed that it does not have."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from lr_magic.notebook.discovery.typed_line import MODEL, typed_line

if TYPE_CHECKING:
    from collections.abc import Callable

NEVER_LOADERS = (
    *(torch.Tensor, np.ndarray, Dataset, nn.Module, torch.optim.Optimizer),
    *(Mapping, AbstractSet, str, bytes, type),
)
"""What can be iterated all the same; a map-style data set yields samples, not batches."""
SHELL_NAMES = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})
"""What IPython itself puts into every notebook."""

# With more names than this, a list of them is no help.
_MOST_LISTED = 4
_NOT_MODELS = (
    *(bool, int, float, str, bytes, list, tuple, dict, set, type, types.ModuleType, types.FunctionType),
    *(torch.Tensor, np.ndarray, torch.device, torch.dtype, torch.optim.Optimizer, Dataset),
)


def yields_batches(value: object) -> bool:
    """Whether a loop may go over it again and again."""
    return isinstance(value, Iterable) and not isinstance(value, (*NEVER_LOADERS, Iterator))


def _may_be_trained(value: object) -> bool:
    """Whether it is a module, or perhaps an object of a framework that holds one."""
    if isinstance(value, nn.Module):
        return next(value.parameters(), None) is not None
    is_result = type(value).__module__.startswith("lr_magic.")
    return not (is_result or isinstance(value, _NOT_MODELS) or yields_batches(value))


def _may_be_loss(value: object) -> bool:
    return callable(value) and not isinstance(value, type)


_COULD_BE: dict[str, Callable[[object], bool]] = {
    MODEL: _may_be_trained,
    "--train": yields_batches,
    "--valid": yields_batches,
    "--optimizer": lambda value: isinstance(value, torch.optim.Optimizer),
    "--loss": _may_be_loss,
    "--metric": _may_be_loss,
    "--device": lambda value: isinstance(value, (str, torch.device)),
}


def made_names(namespace: Mapping[str, object]) -> list[str]:
    """Names that the person made, or a magic for them."""
    return [name for name in namespace if not name.startswith("_") and name not in SHELL_NAMES]


def near_name(name: str, text: str, namespace: Mapping[str, object], could_be: Callable[[object], bool]) -> str | None:
    """Return the nearest name of the notebook that could be meant; None where none is near.

    Parameters
    ----------
    name
        The unknown name.
    text
        The expression that it stands in. Where it is all of it, what is suggested must do for the whole.
    namespace
        The notebook's names.
    could_be
        Tells what the value of the expression may be.
    """
    names = made_names(namespace)
    if text.strip() == name:
        names = [known for known in names if could_be(namespace[known])]
    return next(iter(difflib.get_close_matches(name, names, n=1)), None)


def unknown_name(name: str, text: str, namespace: Mapping[str, object], *, option: str, magic: str) -> str:
    """Say that there is no such name, and what could be meant by it."""
    could_be = _COULD_BE[option]
    near = near_name(name, text, namespace, could_be)
    if near is not None:
        return f"There is no `{name}` in this notebook. → `{typed_line(magic, option, near)}`?"
    fitting = [known for known in made_names(namespace) if could_be(namespace[known])]
    listed = ": " + ", ".join(f"`{known}`" for known in fitting) if 0 < len(fitting) <= _MOST_LISTED else ""
    return (
        f"There is no `{name}` in this notebook. → `{typed_line(magic, option, 'NAME')}` with one that exists{listed}."
    )
