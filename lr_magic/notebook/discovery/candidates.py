"""What in the notebook could play a part in a training: candidates by type, whatever their name."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from lr_magic.notebook.discovery.near_names import NEVER_LOADERS, made_names
from lr_magic.notebook.discovery.unwrapping import base_loader, base_optimizer
from lr_magic.notebook.discovery.words import Split, sounds_like_loader, split_of

_RESULT_NAMES = frozenset({"lr_found", "fit_history"})
_LOADER_ATTRIBUTES = ("batch_size", "bs", "dataset", "batch_sampler")
_CONTAINER_LIMIT = 32


@dataclass(frozen=True)
class Candidate:
    """An object of the notebook and every expression that reaches it; `name` is the first of them."""

    value: Any
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The expression that a person would type."""
        return self.names[0]


@dataclass
class Candidates:
    """Candidates by the part they could play, in the order of the namespace."""

    models: list[Candidate] = field(default_factory=list)
    optimizers: list[Candidate] = field(default_factory=list)
    loaders: list[Candidate] = field(default_factory=list)
    iterators: list[Candidate] = field(default_factory=list)
    parameterless: list[Candidate] = field(default_factory=list)
    functions: list[Candidate] = field(default_factory=list)
    tensors: list[Candidate] = field(default_factory=list)
    schedulers: list[Candidate] = field(default_factory=list)
    objects: list[Candidate] = field(default_factory=list)


def collect(namespace: Mapping[str, object]) -> Candidates:
    """Sort the objects of a notebook by the part they could play; nothing is called, drawn from or changed."""
    names_of: dict[int, tuple[object, list[str]]] = {}
    for name, value in _reachable(namespace):
        names_of.setdefault(id(value), (value, []))[1].append(name)
    candidates = Candidates()
    own_module = namespace.get("__name__", "__main__")
    for value, names in names_of.values():
        kind = _kind(value, names) or ("objects" if _is_plain_object(value, own_module) else None)
        if kind:
            getattr(candidates, kind).append(Candidate(base_optimizer(base_loader(value)), tuple(names)))
    return candidates


def _reachable(namespace: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the visible names first, then what their containers and plain objects hold one level down."""
    visible = [(name, namespace[name]) for name in made_names(namespace) if name not in _RESULT_NAMES]
    yield from visible
    own_module = namespace.get("__name__", "__main__")
    for name, value in visible:
        # What a loader of the notebook wraps is not another loader.
        if not _is_other_loader(value, [name]):
            yield from _inside(name, value, own_module)


def _inside(name: str, value: object, own_module: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and len(value) <= _CONTAINER_LIMIT:
        yield from ((f"{name}[{key!r}]", item) for key, item in value.items() if isinstance(key, str))
    elif type(value) in (list, tuple) and len(value) <= _CONTAINER_LIMIT:  # type: ignore[arg-type]
        for i, item in enumerate(value):  # type: ignore[arg-type, var-annotated]
            yield f"{name}[{i}]", item
            if type(item) is tuple:
                yield from ((f"{name}[{i}][{j}]", part) for j, part in enumerate(item[:4]))
    elif _is_plain_object(value, own_module):
        yield from ((f"{name}.{key}", item) for key, item in vars(value).items() if not key.startswith("_"))


def _is_plain_object(value: object, own_module: object) -> bool:
    """Tell whether it is a configuration or an object of a class of the notebook: a hand-written trainer, say."""
    if isinstance(value, (nn.Module, type, types.ModuleType, types.FunctionType)) or not hasattr(value, "__dict__"):
        return False
    return type(value).__module__ == own_module or type(value).__name__ in {"SimpleNamespace", "Namespace"}


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (torch.optim.Optimizer, "optimizers"),
    (torch.optim.lr_scheduler.LRScheduler, "schedulers"),
    ((torch.Tensor, np.ndarray), "tensors"),
    (Iterator, "iterators"),
    (DataLoader, "loaders"),
)


def _kind(value: object, names: list[str]) -> str | None:
    if isinstance(value, (type, types.ModuleType)):
        return None
    if isinstance(value, nn.Module):
        return "models" if next(value.parameters(), None) is not None else "parameterless"
    for types_of_kind, kind in _KINDS:
        if isinstance(value, types_of_kind):
            return kind
    return "loaders" if _is_other_loader(value, names) else "functions" if callable(value) else None


def _is_other_loader(value: object, names: list[str]) -> bool:
    """Any sized iterable that carries a loader's attributes, or a list of batches under a loader's name."""
    if isinstance(value, NEVER_LOADERS) or not isinstance(value, Iterable):
        return False
    sounds = any(sounds_like_loader(name) or split_of(name) is not Split.UNLABELLED for name in names)
    if isinstance(value, (list, tuple)):
        return sounds and bool(value) and all(_is_batch(item) for item in value[:2])
    if isinstance(value, Sequence) or type(value).__module__.split(".")[0] in {"pandas", "polars", "builtins"}:
        return False
    has_attribute = any(_has(value, attribute) for attribute in _LOADER_ATTRIBUTES)
    return has_attribute or (isinstance(value, Sized) and sounds)


def _has(value: object, attribute: str) -> bool:
    """Look without running a property of an object that may be lazy."""
    return attribute in getattr(value, "__dict__", {}) or hasattr(type(value), attribute)


def _is_batch(item: object) -> bool:
    parts = item.values() if isinstance(item, Mapping) else item if isinstance(item, (list, tuple)) else ()
    return any(isinstance(part, torch.Tensor) and part.ndim > 0 for part in parts)
