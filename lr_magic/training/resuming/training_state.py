"""What a training changes, kept in memory: weights, buffers, optimizer state, scaler."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lr_magic.training.group_numbers import numbers_of
from lr_magic.training.restoring.kept_states import DictState

if TYPE_CHECKING:
    from lr_magic.training.setup import TrainingSetup


# Of the free host memory; the training needs the rest.
_LARGEST_SHARE = 0.25


class TrainingState:
    """Weights, buffers, optimizer state and scaler of a setup as they are now, to be put back later.

    Copies of what lies on an accelerator go to host memory: its own memory is the training's. Rates, momenta and weight
    decay of the param groups are not part of it; a training puts those back itself.

    Parameters
    ----------
    setup
        Whose state is copied. What does not change (frozen parameters) or has no shape yet (lazy ones) is left out.
    """

    def __init__(self, setup: TrainingSetup) -> None:
        self._optimizer = setup.optimizer
        self._scaler = setup.scaler
        self._held = _held_by(setup.model)
        self._tensors = [(tensor, _copy(tensor)) for tensor in changing_tensors(setup.model)]
        self._states = {
            parameter: {key: _copy(value) for key, value in state.items()}
            for parameter, state in setup.optimizer.state.items()
        }
        self._numbers = [(group, numbers_of(group)) for group in setup.optimizer.param_groups]
        self._scaler_content = None if setup.scaler is None else dict(setup.scaler.state_dict())

    @property
    def num_tensors(self) -> int:
        """Number of parameters and buffers that are kept."""
        return len(self._tensors)

    def put_back(self) -> None:
        """Make the setup's state what it was when this was taken; tensors keep their memory where they can."""
        with torch.no_grad():
            for held in self._held:  # a model may hold another tensor by now: `self.memory = torch.cat(…)`
                held.put_back()
            for tensor, copy in self._tensors:
                _write(tensor, copy)
            state = self._optimizer.state
            for parameter in [known for known in state if known not in self._states]:
                del state[parameter]
            for parameter, kept in self._states.items():
                now = state.get(parameter, {})
                state[parameter] = {key: _written(now.get(key), value) for key, value in kept.items()}
            for group, numbers in self._numbers:
                group.update({key: _written(group.get(key), value) for key, value in numbers.items()})
        if self._scaler is not None and self._scaler_content:
            self._scaler.load_state_dict(self._scaler_content)


def changing_tensors(model: nn.Module) -> list[torch.Tensor]:
    """Trained parameters and buffers that have a shape: what is frozen does not change."""
    tensors = [*(p for p in model.parameters() if p.requires_grad), *model.buffers()]
    return [tensor for tensor in tensors if not nn.parameter.is_lazy(tensor)]


def _held_by(model: nn.Module) -> list[DictState]:
    """Which parameters, buffers and modules each module of a model holds."""
    contents = [held for each in model.modules() for held in (each._parameters, each._buffers, each._modules)]  # noqa: SLF001
    return [DictState(held) for held in contents if isinstance(held, dict)]


def fits_in_memory(setup: TrainingSetup, num_copies: int = 1) -> bool:
    """Whether copies of the state take a quarter of the free host memory at most; True where nobody can tell."""
    states = [value for state in setup.optimizer.state.values() for value in state.values()]
    tensors = [*changing_tensors(setup.model), *(value for value in states if isinstance(value, torch.Tensor))]
    num_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return True
    return num_copies * num_bytes <= _LARGEST_SHARE * free


def _write(tensor: torch.Tensor, copy: torch.Tensor) -> None:
    if tensor.shape == copy.shape:
        tensor.detach().copy_(copy)
    else:
        tensor.data = copy.to(tensor.device, copy=True)


def _copy(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone() if value.device.type == "cpu" else value.detach().to("cpu", copy=True)
    if isinstance(value, (list, tuple)):
        return type(value)(_copy(item) for item in value)
    return dict(value) if isinstance(value, dict) else value


def _written(now: Any, before: Any) -> Any:
    """The value that was kept, written into the tensor that is there now where that fits."""
    if not isinstance(before, torch.Tensor):
        return _copy(before)
    if isinstance(now, torch.Tensor) and now.shape == before.shape and now.dtype == before.dtype:
        return now.copy_(before)
    return before.clone()
