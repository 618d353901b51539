"""Random numbers of accelerators of any make: which of them are in use, and the state of each of their devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

_BUILT_IN = ("cuda", "xpu", "mps")


def known_kinds() -> tuple[str, ...]:
    """Types of devices that may have random numbers of their own: torch's, and the accelerator that it names."""
    named = torch.accelerator.current_accelerator() if hasattr(torch, "accelerator") else None  # torch >= 2.6
    return _BUILT_IN if named is None or named.type in _BUILT_IN else (*_BUILT_IN, named.type)


def kinds_in_use() -> list[str]:
    """Types of the accelerators that this process has used."""
    return [kind for kind in known_kinds() if is_in_use(kind)]


def is_in_use(kind: str) -> bool:
    """Whether the accelerator was used in this process (asking it for its state would otherwise start it)."""
    module: Any = getattr(torch, kind, None)
    if not hasattr(module, "get_rng_state"):
        return False
    if kind == "mps":
        return torch.backends.mps.is_available()
    return bool(module.is_initialized() if hasattr(module, "is_initialized") else module.is_available())


def num_devices(kind: str) -> int:
    """Number of devices of a type, each with random numbers of its own; 0 where torch has no such type."""
    module = getattr(torch, kind, None)
    return 0 if module is None else int(module.device_count())


def read_state(kind: str, index: int) -> torch.Tensor:
    """State of one device, a uint8 tensor on the CPU; reading it waits for nothing."""
    module = getattr(torch, kind)
    state: torch.Tensor = module.get_rng_state() if kind == "mps" else module.get_rng_state(index)
    return state


def write_state(kind: str, index: int, state: torch.Tensor) -> None:
    """Let one device go on from a state that `read_state` has read."""
    module: Any = getattr(torch, kind)
    if kind == "mps":
        module.set_rng_state(state)
    else:
        module.set_rng_state(state, index)


def rewind(kind: str) -> None:
    """Set an accelerator that was first used during a run to the start of its seed, where it stood before."""
    module: Any = getattr(torch, kind)
    generators = getattr(module, "default_generators", ())
    for generator in generators:
        generator.manual_seed(generator.initial_seed())
    if not generators:  # not every make lists them; seeds are then the same on all devices, as torch.manual_seed sets
        module.manual_seed_all(module.initial_seed())


def read_states(kinds: Iterable[str]) -> dict[str, list[torch.Tensor]]:
    """States of all devices of some types, by type."""
    return {kind: [read_state(kind, index) for index in range(num_devices(kind))] for kind in kinds}


def write_states(states: dict[str, list[torch.Tensor]]) -> None:
    """Let accelerators go on from states that `read_states` has read, where there are as many devices as then."""
    for kind, each in states.items():
        if num_devices(kind) == len(each):
            for index, state in enumerate(each):
                write_state(kind, index, state)
