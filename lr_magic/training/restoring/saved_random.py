"""Random state as plain content for a file or for later in the same process: the process's own and a loader's."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

Content = dict[str, Any]
"""Tensors, numbers, text, and dicts and lists of them: what a safe loader of files reads."""

_LOADER_PARTS = ("", "sampler", "batch_sampler", "batch_sampler.sampler", "dataset")


def random_content(loader: object = None) -> Content:
    """State of the random numbers of Python, NumPy, torch and its accelerators, and of a loader's own generators."""
    version, numbers, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002 - the state that people's code uses
    words = torch.from_numpy(np.asarray(keys).astype(np.int64))
    return {
        # By way of NumPy: torch reads a tuple of numbers five times slower.
        "python": [version, torch.from_numpy(np.array(numbers, dtype=np.int64)), gauss],
        "numpy": [str(name), words, int(position), int(has_gauss), float(cached)],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if _is_cuda_in_use() else [],
        "loader": {path: generator.get_state() for path, generator in _generators(loader)},
    }


def set_random(content: Content, loader: object = None) -> None:
    """Let all of them go on from a state that `random_content` has read."""
    version, numbers, gauss = content["python"]
    random.setstate((version, tuple(numbers.tolist()), gauss))
    name, keys, position, has_gauss, cached = content["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))  # noqa: NPY002
    torch.set_rng_state(content["torch"])
    if content["cuda"] and torch.cuda.device_count() == len(content["cuda"]):
        torch.cuda.set_rng_state_all(content["cuda"])
    kept = content["loader"]
    for path, generator in _generators(loader):
        if path in kept:
            generator.set_state(kept[path])


def _is_cuda_in_use() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


def _generators(loader: object) -> Iterator[tuple[str, torch.Generator]]:
    """Generators of a loader, its samplers and its dataset, with where they hang; each once."""
    seen: set[int] = set()
    for part in _LOADER_PARTS:
        holder: Any = loader
        for name in part.split(".") if part else ():
            holder = getattr(holder, name, None)
        generator = getattr(holder, "generator", None)
        if isinstance(generator, torch.Generator) and id(generator) not in seen:
            seen.add(id(generator))
            yield part, generator
