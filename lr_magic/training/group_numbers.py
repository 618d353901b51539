"""What some optimizers count and sum up in their param groups: schedule-free ones, those that find their own rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from lr_magic.training.layers.group_layout import LAYER_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch.optim import Optimizer

    from lr_magic.training.param_groups import Group

# What a training sets for its time and puts back by itself, and what is none of the optimizer's own.
_SET_FROM_OUTSIDE = frozenset(
    {"params", "param_names", "lr", "initial_lr", "momentum", "betas", "weight_decay", LAYER_KEY}
)


def numbers_of(group: Group) -> dict[str, Any]:
    """Numbers of a param group but rates, momenta and weight decay: options, which stay as they are, and counts."""
    return {key: _copy(v) for key, v in group.items() if key not in _SET_FROM_OUTSIDE and _is_number(v)}


def counts_of(optimizer: Optimizer) -> list[dict[str, Any]]:
    """For each param group, the numbers that are not those that the optimizer was made with."""
    made_with = optimizer.defaults
    return [
        {key: value for key, value in numbers_of(group).items() if not _is_same(value, made_with.get(key))}
        for group in optimizer.param_groups
    ]


def set_counts(optimizer: Optimizer, counts: Sequence[dict[str, Any]]) -> None:
    """Write into the param groups what `counts_of` gave, where there are as many groups as then."""
    if len(counts) != len(optimizer.param_groups):
        return
    for group, numbers in zip(optimizer.param_groups, counts, strict=True):
        device = group["params"][0].device if group["params"] else None
        group.update({k: v.to(device, copy=True) if isinstance(v, torch.Tensor) else v for k, v in numbers.items()})


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, torch.Tensor)) and not isinstance(value, bool)


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _is_same(value: Any, other: Any) -> bool:
    if isinstance(value, torch.Tensor) or isinstance(other, torch.Tensor):
        return False
    return bool(value == other)
