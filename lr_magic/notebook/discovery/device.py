"""Where the training runs: where the model is, unless the person says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lr_magic.notebook.discovery.lookup import look_up
from lr_magic.pure.errors import DiscoveryError
from lr_magic.training.setup import device_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from lr_magic.notebook.discovery.request import DiscoveryRequest


def training_device(model: nn.Module, request: DiscoveryRequest, namespace: Mapping[str, object]) -> torch.device:
    """Return the device of the model, which the one that was asked for must be, else the accelerator that torch names.

    Raises
    ------
    DiscoveryError
        If the person asked for another device than the model is on: moving a model is theirs to do.
    """
    held = device_of(model)
    if request.device is None:
        return held
    asked = _parsed(request.device, namespace, request.magic)
    if asked.type != held.type or asked.index not in {None, held.index}:
        raise DiscoveryError(
            f"The model is on {held}, not on {asked}; I do not move it, because the optimizer may hold its parameters. "
            f"→ `{request.model or 'model'}.to({str(asked)!r})` first, or `%{request.magic}` without --device."
        )
    return held


def _parsed(text: str, namespace: Mapping[str, object], magic: str) -> torch.device:
    device = _as_device(text)
    if device is None and (text in namespace or not text.isidentifier()):
        device = _as_device(look_up(text, namespace, option="--device", magic=magic))
    if device is None:
        raise DiscoveryError(f"`{text}` is not a device here. → `%{magic} --device cuda` or `--device cpu`.")
    return device


def _as_device(value: object) -> torch.device | None:
    try:
        return torch.device(value)  # type: ignore[call-overload, no-any-return]
    except (RuntimeError, ValueError, TypeError):
        return None
