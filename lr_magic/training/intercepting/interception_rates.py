"""Where an intercepted optimizer keeps its rates: torch's in its param groups, fastai's in its hypers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from lr_magic.training.param_groups import refuse_without_lr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch.optim import Optimizer


class HyperGroups:
    """A fastai optimizer seen as a torch one: its hypers are the param groups, with `mom` for momentum."""

    def __init__(self, optimizer: Any) -> None:
        self.param_groups = list(optimizer.hypers)


def rates_of(optimizer: Any) -> Optimizer:
    """Return what holds the learning rates of an optimizer under `param_groups`; SettingError where it has none."""
    if isinstance(optimizer, torch.optim.Optimizer):
        refuse_without_lr(optimizer)
        return optimizer
    return HyperGroups(optimizer)  # type: ignore[return-value]


def device_of(optimizer: Any) -> torch.device:
    """Device of the first parameter that an optimizer holds."""
    return next(_parameters(optimizer), torch.empty(0)).device


def has_gradients(optimizer: Any) -> bool:
    """Whether any parameter of an optimizer has a gradient."""
    return any(parameter.grad is not None for parameter in _parameters(optimizer))


def shares_groups(optimizer: Any, other: Any) -> bool:
    """Whether every param group of an optimizer is one of another's, too: so it is inside a wrapper that steps it."""
    others = {id(group) for group in other.param_groups}
    return others.issuperset(id(group) for group in optimizer.param_groups)


def _parameters(optimizer: Any) -> Iterator[torch.Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]
