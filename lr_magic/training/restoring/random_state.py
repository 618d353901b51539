"""Random numbers of Python, NumPy, torch, its accelerators and single generators: take the state, put it back."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lr_magic.training.restoring.accelerator_random import (
    is_in_use,
    kinds_in_use,
    known_kinds,
    num_devices,
    read_state,
    rewind,
    write_state,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class RandomSource:
    """State of one source of random numbers.

    Parameters
    ----------
    read
        Returns the state.
    write
        Sets it.
    """

    __slots__ = ("_read", "_state", "_write")

    def __init__(self, read: Callable[[], Any], write: Callable[[Any], Any]) -> None:
        self._read = read
        self._write = write
        self._state = read()

    def put_back(self) -> bool:
        """Let the source go on where it was, if it moved; whether it stands there, looked at afterwards."""
        if is_same_state(self._read(), self._state):
            return True
        self._write(self._state)
        return is_same_state(self._read(), self._state)


def is_same_state(now: Any, before: Any) -> bool:
    """Whether two states of a generator are the same, to the last bit."""
    if isinstance(before, torch.Tensor):
        return torch.equal(now, before)
    if isinstance(before, np.ndarray):
        return bool(np.array_equal(now, before))
    if isinstance(before, dict):
        return all(is_same_state(now[key], before[key]) for key in before)
    if isinstance(before, (list, tuple)) and len(before) < 10:  # Python's own state is one tuple of 625 plain numbers
        return all(map(is_same_state, now, before))
    return bool(now == before)


class GlobalRandomState:
    """State of every source that belongs to the process: Python, NumPy, torch and the accelerators in use."""

    def __init__(self) -> None:
        self._sources = [
            RandomSource(random.getstate, random.setstate),
            RandomSource(partial(np.random.get_state, legacy=False), np.random.set_state),
            RandomSource(torch.get_rng_state, torch.set_rng_state),
        ]
        in_use = kinds_in_use()
        self._sources.extend(
            RandomSource(partial(read_state, kind, index), partial(write_state, kind, index))
            for kind in in_use
            for index in range(num_devices(kind))
        )
        self._unused = [kind for kind in known_kinds() if kind not in in_use]

    def put_back(self) -> bool:
        """Let every source go on where it was; whether all of them stand there, looked at afterwards."""
        for kind in self._unused:
            if is_in_use(kind):
                rewind(kind)
        return sum(not source.put_back() for source in self._sources) == 0


class GeneratorState(RandomSource):
    """State of one generator object: a loader's, a sampler's, a dataset's."""

    __slots__ = ()

    def __init__(self, generator: Any) -> None:
        super().__init__(*access_to(generator))


def access_to(generator: Any) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """How the state of a generator object is read, and how it is set."""
    if isinstance(generator, random.Random):
        return generator.getstate, generator.setstate
    if isinstance(generator, (np.random.Generator, np.random.BitGenerator)):
        bits = generator.bit_generator if isinstance(generator, np.random.Generator) else generator
        return lambda: bits.state, lambda state: setattr(bits, "state", state)
    return generator.get_state, generator.set_state


_GENERATORS = (torch.Generator, random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator)


def is_random_source(value: object) -> bool:
    """Whether a value is a random number generator that `GeneratorState` can keep."""
    # the system's own source has no state that could be read
    return isinstance(value, _GENERATORS) and not isinstance(value, random.SystemRandom)
