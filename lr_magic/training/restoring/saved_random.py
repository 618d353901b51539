"""Random state as plain content for a file or for later in the same process: the process's own and a loader's."""

from __future__ import annotations

import random
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lr_magic.training.restoring.accelerator_random import kinds_in_use, read_states, write_states
from lr_magic.training.restoring.object_kinds import has_own_state
from lr_magic.training.restoring.random_state import access_to, is_random_source, is_same_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Content = dict[str, Any]
"""Tensors, numbers, text, and dicts, lists and tuples of them: what a safe loader of files reads."""

# How many objects deep a loader is searched: dataset, the one it is a part of, its transforms, one of them.
_DEPTH = 5
# A longer container holds data.
_LONGEST_SEARCHED = 100
_PLAIN = frozenset({bool, int, float, str, bytes, type(None), FunctionType, torch.Tensor, np.ndarray})
_Part = tuple[str, list[tuple[str, Any]], Any]


def random_content(loader: object = None) -> Content:
    """State of the random numbers of Python, NumPy, torch and its accelerators, and of a loader's own generators."""
    parts = list(_parts(loader))
    return {
        **host_content(),
        **step_content(kinds_in_use()),
        "loader": {path: _plain(access_to(generator)[0]()) for path, generator in _generators(parts)},
        "epochs": {path: holder.epoch for path, holder in _epoch_counters(parts)},
    }


def host_content() -> Content:
    """Of `random_content`, what Python and NumPy draw from: a tenth of a millisecond to read."""
    return {"python": random.getstate(), "numpy": _plain(_numpy_state())}


def is_same_host_content(one: Content, other: Content) -> bool:
    """Whether neither Python's nor NumPy's random numbers have moved between two readings."""
    return is_same_state(one["numpy"], other["numpy"]) and bool(one["python"] == other["python"])


def _numpy_state() -> Content:
    state: Content = np.random.get_state(legacy=False)  # noqa: NPY002 - the state that people's code uses
    return state


def step_content(accelerators: Iterable[str]) -> Content:
    """Of `random_content`, what torch draws from, on the CPU and on accelerators by type: a microsecond to read."""
    return {"torch": torch.get_rng_state(), "accelerators": read_states(accelerators)}


def set_random(content: Content, loader: object = None) -> None:
    """Let all of them go on from a state that `random_content` has read; those that a part of it lacks stay."""
    if "python" in content:
        random.setstate(content["python"])
        now = _numpy_state()
        if now["bit_generator"] == content["numpy"]["bit_generator"]:
            np.random.set_state(_as_it_was(content["numpy"], now))  # noqa: NPY002
    torch.set_rng_state(content["torch"])
    write_states(content["accelerators"])
    if "loader" in content:
        _set_loader(content, loader)


def _set_loader(content: Content, loader: object) -> None:
    parts = list(_parts(loader))
    for path, generator in _generators(parts):
        if path in content["loader"]:
            read, write = access_to(generator)
            write(_as_it_was(content["loader"][path], read()))
    for path, holder in _epoch_counters(parts):
        holder.epoch = content["epochs"].get(path, holder.epoch)


def _parts(loader: object) -> Iterator[_Part]:
    """A loader and what hangs on it (samplers, dataset, transforms): path, what it holds by name, the object itself."""
    ahead = [("", loader, _DEPTH)]
    seen: set[int] = set()
    while ahead:
        path, holder, depth = ahead.pop(0)
        contents = _contents_of(holder)
        if id(holder) in seen or not contents:
            continue
        seen.add(id(holder))
        inner = [(name, value) for name, value in contents.items() if type(value) not in _PLAIN]
        yield path, inner, holder
        if depth > 0:
            ahead += [(f"{path}.{name}".lstrip("."), value, depth - 1) for name, value in inner]


def _contents_of(holder: object) -> dict[str, Any]:
    if isinstance(holder, (list, tuple, dict)):
        if len(holder) > _LONGEST_SEARCHED:
            return {}
        return {str(key): each for key, each in (holder.items() if isinstance(holder, dict) else enumerate(holder))}
    return getattr(holder, "__dict__", {}) if has_own_state(holder) else {}


def _generators(parts: Iterable[_Part]) -> Iterator[tuple[str, Any]]:
    """Generators of a loader's parts, of torch, NumPy or Python, with where they hang; each once."""
    seen: set[int] = set()
    for path, inner, _ in parts:
        for name, value in inner:
            if is_random_source(value) and id(value) not in seen:
                seen.add(id(value))
                yield f"{path}.{name}", value


def _epoch_counters(parts: Iterable[_Part]) -> Iterator[tuple[str, Any]]:
    """Parts that count epochs, from which samplers take their order (``DistributedSampler``), with where they hang."""
    for path, _, holder in parts:
        if type(getattr(holder, "__dict__", {}).get("epoch")) is int:
            yield path, holder


def _plain(state: Any) -> Any:
    """State of a generator as plain content: arrays become tensors, tuples become lists."""
    if isinstance(state, np.ndarray):
        return torch.from_numpy(state.astype(np.int64))
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return [_plain(value) for value in state]
    return state


def _as_it_was(content: Any, now: Any) -> Any:
    """Plain content in the types that a generator's state has now."""
    if isinstance(now, np.ndarray):
        return content.numpy().astype(now.dtype)
    if isinstance(now, dict):
        return {key: _as_it_was(content[key], value) for key, value in now.items()}
    if isinstance(now, (list, tuple)):
        # The parts of Python's own state are all plain, but for a tuple of 625 numbers.
        return type(now)(_as_it_was(part, value) for part, value in zip(content, now, strict=True))
    return content
