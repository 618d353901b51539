"""Param groups by layer group: the optimizer keeps its state and every option, each group gets its own rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import nn
    from torch.optim import Optimizer

    from lr_magic.training.layers.layer_groups import LayerGroup
    from lr_magic.training.param_groups import Group

LAYER_KEY = "layer_group"
"""Key of a param group that says which layer group it belongs to, from 0 at the stem."""

# Keys of a param group with one entry per parameter.
_PER_PARAMETER = ("params", "param_names")


class GroupLayout:
    """The param groups of an optimizer as they are now, to be put back."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._groups = list(optimizer.param_groups)
        self._contents = [dict(group) for group in self._groups]

    def put_back(self) -> None:
        """Give the optimizer its groups back: the same dicts, with the values that an optimizer keeps in them.

        A group of other parameters, added meanwhile, stays at the end.
        """
        known = {id(p) for content in self._contents for p in content["params"]}
        added = [g for g in self._optimizer.param_groups if g["params"] and known.isdisjoint(map(id, g["params"]))]
        holder = {id(p): group for group in self._optimizer.param_groups for p in group["params"]}
        for group, content in zip(self._groups, self._contents, strict=True):
            part = holder[id(content["params"][0])] if content["params"] else group
            values = {key: _value_of(part, key, value) for key, value in content.items()}
            group.clear()
            group.update(values)
        self._optimizer.param_groups[:] = [*self._groups, *added]


def _value_of(part: Group, key: str, before: Any) -> Any:
    """Value of a key after the groups were split; tensors keep their identity."""
    if key in (*_PER_PARAMETER, LAYER_KEY):
        return before
    now = part.get(key, before)
    if isinstance(before, torch.Tensor) and isinstance(now, torch.Tensor) and now is not before:
        before.copy_(now)
        return before
    return now


def group_by_layers(optimizer: Optimizer, layers: Sequence[LayerGroup]) -> None:
    """Split an optimizer's param groups so that each holds parameters of one layer group, stem to head.

    The optimizer stays the same object and its state is not touched. A group that spans several layer groups (or the
    usual two, with and without weight decay, that both do) is split; every part keeps all options. Parameters of no
    layer group stay together at the end. Groups that are split already stay as they are.
    """
    number_of = {id(p): number for number, layer in enumerate(layers) for p in layer.parameters}
    parts = [part for group in optimizer.param_groups for part in _split(group, number_of)]
    optimizer.param_groups[:] = sorted(parts, key=lambda group: group[LAYER_KEY])


def _split(group: Group, number_of: dict[int, int]) -> Iterator[Group]:
    """Parts of one group; a group within one layer group is that part itself."""
    # What belongs to no layer of the model comes last.
    numbers = [number_of.get(id(p), len(number_of)) for p in group["params"]]
    kinds = sorted(set(numbers))
    if len(kinds) <= 1:
        group[LAYER_KEY] = kinds[0] if kinds else 0
        yield group
        return
    for kind in kinds:
        chosen = [index for index, number in enumerate(numbers) if number == kind]
        yield _part(group, chosen) | {LAYER_KEY: kind}


def _part(group: Group, chosen: list[int]) -> Group:
    part: dict[str, Any] = {}
    for key, value in group.items():
        if key in _PER_PARAMETER and isinstance(value, list):
            part[key] = [value[index] for index in chosen]
        else:
            # A rate held as a tensor is filled in place: shared between groups, it would be one rate for all.
            part[key] = value.clone() if isinstance(value, torch.Tensor) else value
    return part


def add_missing(optimizer: Optimizer, layers: Sequence[LayerGroup]) -> int:
    """Give the optimizer the trained parameters that it does not hold yet, with its default options; how many."""
    has_names = "param_names" in optimizer.param_groups[0]
    all_missing = missing_parameters(optimizer, layers)
    for number, (layer, missing) in enumerate(zip(layers, all_missing, strict=True)):
        if missing:
            named = [(f"{layer.label}[{index}]", p) for index, p in enumerate(missing)]
            optimizer.add_param_group({"params": named if has_names else missing, LAYER_KEY: number})
    return sum(map(len, all_missing))


def missing_parameters(optimizer: Optimizer, layers: Sequence[LayerGroup]) -> list[list[nn.Parameter]]:
    """For each layer group, its trained parameters that an optimizer does not hold."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return [[p for p in layer.parameters if p.requires_grad and id(p) not in held] for layer in layers]


def layer_numbers(optimizer: Optimizer) -> list[int] | None:
    """Layer group of each param group, or None where the groups were not made by layers."""
    numbers: list[int] = [group[LAYER_KEY] for group in optimizer.param_groups if LAYER_KEY in group]
    if len(numbers) < len(optimizer.param_groups):
        return None
    known = sorted(set(numbers))
    return [known.index(number) for number in numbers]


def has_scheduler(optimizer: Optimizer) -> bool:
    """Whether a learning rate scheduler is attached, which counts the groups it was made for."""
    return hasattr(getattr(optimizer, "step", None), "_wrapped_by_lr_sched")
