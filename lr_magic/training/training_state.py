"""What a training changes, kept in memory: weights, buffers, optimizer state, scaler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from lr_magic.training.setup import TrainingSetup


class TrainingState:
    """Weights, buffers, optimizer state and scaler of a setup as they are now, to be put back later.

    Copies of what lies on an accelerator go to host memory: its own memory is the training's. Rates and other options
    of the param groups are not part of it; a training puts those back itself.

    Parameters
    ----------
    setup
        Whose state is copied. A lazy parameter that has no shape yet is left out.
    """

    def __init__(self, setup: TrainingSetup) -> None:
        self._optimizer = setup.optimizer
        self._scaler = setup.scaler
        self._tensors = [(tensor, _copy(tensor)) for tensor in tensors_of(setup.model)]
        self._states = {
            parameter: {key: _copy(value) for key, value in state.items()}
            for parameter, state in setup.optimizer.state.items()
        }
        self._scaler_content = None if setup.scaler is None else dict(setup.scaler.state_dict())

    def put_back(self) -> None:
        """Make the setup's state what it was when this was taken; tensors keep their memory where they can."""
        with torch.no_grad():
            for tensor, copy in self._tensors:
                tensor.copy_(copy)
            state = self._optimizer.state
            for parameter in [known for known in state if known not in self._states]:
                del state[parameter]
            for parameter, kept in self._states.items():
                now = state.get(parameter, {})
                state[parameter] = {key: _written(now.get(key), value) for key, value in kept.items()}
        if self._scaler is not None and self._scaler_content:
            self._scaler.load_state_dict(self._scaler_content)


def tensors_of(model: nn.Module) -> list[torch.Tensor]:
    """Parameters and buffers that have a shape."""
    tensors = [*model.parameters(), *model.buffers()]
    return [tensor.detach() for tensor in tensors if not nn.parameter.is_lazy(tensor)]


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
