"""Frozen parameters that a run changes all the same: copied at the moment before, not all of them at the start."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lr_magic.training.restoring.copy_place import CopyPlace
    from lr_magic.training.restoring.tensor_state import TensorState

# Whatever a model or a step does to frozen parameters (a teacher that follows the student, say), it does at every step
# or in every forward pass; so the first steps show it, and the others need not be watched.
_NUM_WATCHED_STEPS = 2


class FrozenGuard(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches the first steps of a run for anything that writes into frozen parameters.

    Two ways lead there: an optimizer step, once a person's code has unfrozen the parameter, which is watched to the
    end; and any in-place operation, which is watched as long as the mode is on. Where ``torch.compile`` is in use
    there can be no mode. A sample of each parameter shows afterwards whether it was written into all the same, and the
    receipt says so.

    Parameters
    ----------
    states
        Frozen parameters, none of them copied yet.
    place
        Where copies go.
    """

    def __init__(self, states: list[TensorState], place: CopyPlace) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._states = states
        self._place = place
        self._by_memory: dict[int, list[TensorState]] = {}
        for state in states:
            self._by_memory.setdefault(_memory_of(state.tensor), []).append(state)
        self._num_steps = 0
        self._is_on = False

    def watch(self, training: list[Any]) -> None:
        """Begin to watch models and optimizers; the hooks are taken off by whoever puts the optimizers back."""
        for part in training:
            if isinstance(part, torch.optim.Optimizer):
                part.register_step_pre_hook(self._before_step)
        for state in self._states:
            state.take_sample()
        if not _is_anything_compiled():
            self.__enter__()  # type: ignore[no-untyped-call]
            self._is_on = True

    def leave(self) -> None:
        """Stop watching in-place operations (unless a mode of the person's is still on top of this one)."""
        if self._is_on and _get_current_dispatch_mode() is self:
            self._is_on = False
            self.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    def _before_step(self, *_: object) -> None:
        for state in self._states:
            if state.tensor.is_leaf and state.tensor.grad is not None:
                state.copy(self._place)
        self._num_steps += 1
        if self._num_steps > _NUM_WATCHED_STEPS:
            self.leave()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        for tensor in _written_by(func, args, kwargs or {}):
            for state in self._by_memory.pop(_memory_of(tensor), ()):
                state.copy(self._place)
        return func(*args, **(kwargs or {}))


def _is_anything_compiled() -> bool:
    """Whether ``torch.compile`` made anything in this process: under a mode it runs uncompiled, or not at all."""
    backends = getattr(sys.modules.get("torch._dynamo.eval_frame"), "cached_backends", {})
    return any(backend is not None for backend in backends.values())


def _memory_of(tensor: torch.Tensor) -> int:
    """Address of a tensor's storage; 0 where it has none of its own."""
    try:
        return tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):  # sparse tensors, wrappers
        return 0


def _written_by(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[torch.Tensor]:
    positions, names = _written_arguments(func)
    values = [args[position] for position in positions if position < len(args)]
    values += [kwargs[name] for name in names if name in kwargs]
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from (item for item in value if isinstance(item, torch.Tensor))


@lru_cache(maxsize=4096)
def _written_arguments(func: Any) -> tuple[list[int], list[str]]:
    arguments = enumerate(func._schema.arguments)  # noqa: SLF001 - the only place that says what an operator writes to
    written = [(i, a.name) for i, a in arguments if a.alias_info is not None and a.alias_info.is_write]
    return [position for position, _ in written], [name for _, name in written]
