"""Random numbers of Python, NumPy, torch, its accelerators and single generators: take the state, put it back."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

_ACCELERATORS = ("cuda", "xpu", "mps")


class GlobalRandomState:
    """State of every random number source that belongs to the process."""

    def __init__(self) -> None:
        self._python = random.getstate()
        self._numpy = np.random.get_state()  # noqa: NPY002 - the legacy state is what notebooks use
        self._torch = torch.get_rng_state()
        self._accelerators = {kind: _accelerator_states(kind) for kind in _ACCELERATORS if _is_in_use(kind)}

    def put_back(self) -> None:
        """Continue every source where it was."""
        random.setstate(self._python)
        np.random.set_state(self._numpy)  # noqa: NPY002
        torch.set_rng_state(self._torch)
        for kind in _ACCELERATORS:
            if _is_in_use(kind):
                _set_accelerator_states(kind, self._accelerators.get(kind))

    def is_back(self) -> bool:
        """Whether every source stands where it was."""
        now = GlobalRandomState()
        return (
            now._python == self._python
            and _numpy_state_equal(now._numpy, self._numpy)
            and torch.equal(now._torch, self._torch)
            and all(
                all(map(torch.equal, states, now._accelerators.get(kind, [])))
                for kind, states in self._accelerators.items()
            )
        )


def _numpy_state_equal(one: Any, other: Any) -> bool:
    return all(np.array_equal(left, right) for left, right in zip(one, other, strict=True))


def _is_in_use(kind: str) -> bool:
    """Whether the accelerator was used in this process (asking it for its state would otherwise start it)."""
    module = getattr(torch, kind, None)
    if module is None:
        return False
    if kind == "mps":
        return torch.backends.mps.is_available()
    return bool(module.is_initialized())


def _accelerator_states(kind: str) -> list[torch.Tensor]:
    module = getattr(torch, kind)
    return [module.get_rng_state()] if kind == "mps" else list(module.get_rng_state_all())


def _set_accelerator_states(kind: str, states: list[torch.Tensor] | None) -> None:
    module = getattr(torch, kind)
    if states is None:
        # First used during the run: before that it stood at the start of its seed.
        for generator in module.default_generators:
            generator.manual_seed(generator.initial_seed())
    elif kind == "mps":
        module.set_rng_state(states[0])
    else:
        module.set_rng_state_all(states)


class GeneratorState:
    """State of one random number source that belongs to an object: a loader, a sampler, a dataset."""

    def __init__(self, generator: Any) -> None:
        self._generator = generator
        self._state = _state_of(generator)

    def put_back(self) -> None:
        """Continue where it was."""
        if isinstance(self._generator, torch.Generator):
            self._generator.set_state(self._state)
        elif isinstance(self._generator, random.Random):
            self._generator.setstate(self._state)
        elif isinstance(self._generator, np.random.Generator):
            self._generator.bit_generator.state = self._state
        else:
            self._generator.set_state(self._state)

    def is_back(self) -> bool:
        """Whether it stands where it was."""
        now = _state_of(self._generator)
        if isinstance(now, torch.Tensor):
            return torch.equal(now, self._state)
        return repr(now) == repr(self._state)


def is_random_source(value: object) -> bool:
    """Whether a value is a random number generator that `GeneratorState` can keep."""
    return isinstance(value, (torch.Generator, random.Random, np.random.Generator, np.random.RandomState))


def _state_of(generator: Any) -> Any:
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state()
