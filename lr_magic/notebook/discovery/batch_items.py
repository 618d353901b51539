"""The parts of a batch and how to reach each: by place, by key or by attribute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

Path = tuple[int | str, ...]
"""How to reach a part of a batch: places of tuples, keys of dicts, names of attributes; () is the batch itself."""


@dataclass(frozen=True)
class Item:
    """One part of a batch."""

    path: Path
    value: Any

    @property
    def name(self) -> str:
        """Key or attribute that holds the part; empty for a place in a tuple."""
        return self.path[-1] if self.path and isinstance(self.path[-1], str) else ""

    @property
    def is_tensor(self) -> bool:
        """True for what could be an input or a target."""
        return isinstance(self.value, torch.Tensor)


def items_of(batch: object) -> list[Item]:
    """Take a batch apart, one level down.

    >>> [item.path for item in items_of({"ids": torch.zeros(2), "label": torch.zeros(2)})]
    [('ids',), ('label',)]
    """
    if isinstance(batch, Mapping):
        return [Item((key,), batch[key]) for key in batch]
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return [Item((name,), getattr(batch, name)) for name in batch._fields]
    if isinstance(batch, (list, tuple)):
        return [Item((i,), part) for i, part in enumerate(batch)]
    if isinstance(batch, torch.Tensor):
        return [Item((), batch)]
    return [Item((name,), value) for name, value in _attributes(batch).items()] or [Item((), batch)]


def is_object(batch: object) -> bool:
    """Tell whether a batch is an object of its own class, which a model may take as a whole (PyG's ``Batch``)."""
    return not isinstance(batch, (torch.Tensor, list, tuple))


def _attributes(batch: Any) -> dict[str, Any]:
    """Tensors that an object of its own class carries: torchtext's batches, dataclasses."""
    if callable(getattr(batch, "keys", None)) and hasattr(batch, "__getitem__"):
        held = {key: batch[key] for key in batch.keys() if isinstance(key, str)}  # noqa: SIM118 - PyG iterates pairs
    else:
        held = getattr(batch, "__dict__", {})
    return {name: value for name, value in held.items() if isinstance(value, torch.Tensor) and name[:1] != "_"}


def reach(batch: Any, path: Path) -> Any:
    """Follow a path into a batch."""
    for step in path:
        batch = batch[step] if isinstance(step, int) or isinstance(batch, Mapping) else getattr(batch, step)
    return batch


def spelled(path: Path, batch: object, root: str = "batch") -> str:
    """Write a path as the person would: ``batch["label"]``, ``batch[1]``, ``batch.text``."""
    text = root
    for step in path:
        by_key = isinstance(step, int) or isinstance(batch, Mapping)
        text += f"[{step!r}]" if by_key else f".{step}"
        batch = reach(batch, (step,))
    return text
