"""Which readings of a batch the model accepts: tried on one batch, a reshape only where its layers ask for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lr_magic.notebook.discovery.attempts import Failure, attempt
from lr_magic.notebook.discovery.batch_items import reach
from lr_magic.training.restoring.random_state import GlobalRandomState

if TYPE_CHECKING:
    from lr_magic.notebook.discovery.input_reading import InputReading


@dataclass(frozen=True)
class Fed:
    """A reading that the model accepts, with what it returned for the trial batch."""

    inputs: InputReading
    output: Any


def feed(model: nn.Module, inputs: InputReading, batch: object) -> Fed | Failure:
    """Run the model on a batch by one reading, once more with a reshape where its first layer asks for one.

    Every reading meets the same random numbers: two that mean the same give the same loss, dropout or not.
    """
    output = _fed(model, inputs, batch)
    if not isinstance(output, Failure):
        return Fed(inputs, output)
    reshape = _reshape_for(model, inputs, batch)
    if reshape is None:
        return output
    reshaped = replace(inputs, reshape=reshape)
    again = _fed(model, reshaped, batch)
    return output if isinstance(again, Failure) else Fed(reshaped, again)


def _fed(model: nn.Module, inputs: InputReading, batch: object) -> Any:
    random = GlobalRandomState()
    output = attempt(lambda: inputs.feed(model, batch))
    random.put_back()
    return output


def _reshape_for(model: nn.Module, inputs: InputReading, batch: object) -> str | None:
    """Tell what the first layer with parameters wants, from the numbers in it alone."""
    value = reach(batch, inputs.args[0]) if inputs.args else None
    layer = next((m for m in model.modules() if next(m.parameters(recurse=False), None) is not None), None)
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return None
    if isinstance(layer, nn.Linear):
        return _reshape_for_linear(layer.in_features, value)
    if isinstance(layer, nn.Conv2d) and layer.in_channels == 1 and value.ndim == 3:
        return "as one channel"
    if isinstance(layer, nn.Conv1d) and layer.in_channels == 1 and value.ndim == 2:
        return "as one channel"
    if isinstance(layer, nn.RNNBase) and value.ndim == 4 and value.shape[1] == 1:
        return "squeezed" if value.shape[-1] == layer.input_size else None
    return None


def _reshape_for_linear(in_features: int, value: torch.Tensor) -> str | None:
    if value.ndim > 2 and value.shape[1:].numel() == in_features:
        return "flattened"
    return "unsqueezed" if value.ndim == 1 and in_features == 1 else None
