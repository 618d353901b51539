"""Freezing and unfreezing layers of a model, with the optimizer's param groups following."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from lr_magic.pure.errors import SettingError
from lr_magic.training.layers.frozen_norms import batch_norms, hold_norms, norms_with_parameters, release_norms
from lr_magic.training.layers.group_layout import add_missing, group_by_layers, has_scheduler, missing_parameters
from lr_magic.training.layers.layer_groups import check_name, find_layer_groups, is_within
from lr_magic.training.layers.layer_rows import rows_of
from lr_magic.training.layers.layer_units import unwrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch.optim import Optimizer

    from lr_magic.pure.results.layer_table import LayerRow
    from lr_magic.training.layers.layer_groups import LayerGroup

# Marks a parameter that was turned off here, so that `unfreeze` leaves alone what was frozen before.
_MARK = "frozen_by_lr_magic"


@dataclass(frozen=True)
class FreezeOutcome:
    """What `freeze` or `unfreeze` did.

    Attributes
    ----------
    rows
        One per layer group, stem to head.
    notes
        What was done beside it, in words.
    """

    rows: tuple[LayerRow, ...]
    notes: tuple[str, ...]


def freeze(
    model: nn.Module,
    optimizer: Optimizer | None = None,
    *,
    last: int | None = None,
    names: Sequence[str] = (),
    groups: Sequence[str | Sequence[str]] | None = None,
    train_batch_norm: bool = False,
) -> FreezeOutcome:
    """Turn off the training of all layers but the head, or all but the last ones, or those that are named.

    Changes `requires_grad` of the model's parameters, drops the gradients of the frozen ones and splits the param
    groups of the optimizer by layer group; its state and options stay.

    Parameters
    ----------
    last
        Number of layer groups, counted from the head, that are trained; default 1. What `freeze` froze is undone.
    names
        Paths of modules or parameters to freeze instead; all others stay as they are.
    groups
        Own layer groups, see `find_layer_groups`.
    train_batch_norm
        False: a frozen batch norm is frozen whole, with its running statistics, and normalises with them. True: batch
        norms go on learning, as fastai has it.

    Raises
    ------
    SettingError
        For an unknown name, a number of groups that the model does not have, or when nothing would be left to train;
        nothing has been touched.
    """
    _refuse_lazy(model)
    layers = find_layer_groups(model, groups)
    to_freeze = _named(model, names) if names else _all_but_last(layers, 1 if last is None else last)
    frozen_ids = {id(p) for p in to_freeze}
    _refuse_nothing_left(model, frozen_ids)
    kept_norms = _norm_parameters(model) if train_batch_norm else set()
    stay_off = frozen_ids - kept_norms
    within = to_freeze if names else [p for layer in layers for p in layer.parameters]
    _turn_on([p for p in within if id(p) not in stay_off])
    _turn_off([p for p in to_freeze if id(p) in stay_off])
    num_norms = _settle_norms(model, frozen_ids, is_held_still=not train_batch_norm)
    notes = [_norm_note(num_norms, is_trained=train_batch_norm)] if num_norms else []
    notes.extend(_shared_notes(model, stay_off))
    return FreezeOutcome(rows_of(layers), (*notes, *_follow(optimizer, layers)))


def unfreeze(
    model: nn.Module,
    optimizer: Optimizer | None = None,
    *,
    names: Sequence[str] = (),
    groups: Sequence[str | Sequence[str]] | None = None,
) -> FreezeOutcome:
    """Train again what `freeze` has frozen; where it has frozen nothing, train all parameters.

    What was frozen before the first `freeze` stays so. Parameters that the optimizer does not hold are added to it
    with its default options, and its groups are split by layer group.

    Parameters
    ----------
    names
        Paths of modules or parameters to train again; default: all. An unknown one is a SettingError.
    groups
        Own layer groups, see `find_layer_groups`.
    """
    _refuse_lazy(model)
    layers = find_layer_groups(model, groups)
    chosen = _named(model, names) if names else [p for layer in layers for p in layer.parameters]
    if names or not any(hasattr(p, _MARK) for p in chosen):
        _mark_all_frozen(chosen)
    _turn_on(chosen)
    frozen_ids = {id(p) for layer in layers for p in layer.parameters if not p.requires_grad}
    _settle_norms(model, frozen_ids, is_held_still=None)
    return FreezeOutcome(rows_of(layers), tuple(_follow(optimizer, layers)))


def _all_but_last(layers: Sequence[LayerGroup], last: int) -> list[nn.Parameter]:
    if not 0 <= last <= len(layers):
        raise SettingError(f"The model has {len(layers)} layer groups; got {last} to keep trained. 1 is the head.")
    return [p for layer in layers[: len(layers) - last] for p in layer.parameters]


def _named(model: nn.Module, names: Sequence[str]) -> list[nn.Parameter]:
    inner = unwrapped(model)
    for name in names:
        check_name(inner, name)
    return [p for path, p in inner.named_parameters() if any(is_within(path, name) for name in names)]


def _refuse_lazy(model: nn.Module) -> None:
    lazy = [name for name, p in model.named_parameters() if nn.parameter.is_lazy(p)]
    if lazy:
        raise SettingError(
            f"{lazy[0]} has no shape before its first batch: show the model one first, for example model(images)."
        )


def _refuse_nothing_left(model: nn.Module, frozen_ids: set[int]) -> None:
    left = [p for p in model.parameters() if id(p) not in frozen_ids and (p.requires_grad or hasattr(p, _MARK))]
    if not left:
        raise SettingError("That would freeze every trained parameter, so nothing would be left to train.")


def _turn_off(parameters: Sequence[nn.Parameter]) -> None:
    for parameter in parameters:
        if parameter.requires_grad:
            parameter.requires_grad_(False)
            setattr(parameter, _MARK, True)
            # An optimizer updates whatever has a gradient, frozen or not.
            parameter.grad = None


def _turn_on(parameters: Sequence[nn.Parameter]) -> None:
    for parameter in parameters:
        if hasattr(parameter, _MARK):
            parameter.requires_grad_(True)
            delattr(parameter, _MARK)


def _mark_all_frozen(parameters: Sequence[nn.Parameter]) -> None:
    for parameter in parameters:
        if not parameter.requires_grad and parameter.is_floating_point():
            setattr(parameter, _MARK, True)


def _norm_parameters(model: nn.Module) -> set[int]:
    return {id(p) for norm in batch_norms([model]) for p in norm.parameters()}


def _settle_norms(model: nn.Module, frozen_ids: set[int], *, is_held_still: bool | None) -> int:
    """Hold the batch norms of frozen layers (None: as they are), let go of those trained; number in frozen layers.

    Those of layers that were frozen before, and are not among `frozen_ids`, stay as they are.
    """
    num_frozen = 0
    for norm, parameters in norms_with_parameters(model):
        is_frozen = bool(parameters) and all(id(p) in frozen_ids for p in parameters)
        num_frozen += is_frozen
        if is_frozen and is_held_still:
            hold_norms([norm])
        elif (is_frozen and is_held_still is False) or any(p.requires_grad for p in parameters):
            release_norms([norm])
    return num_frozen


def _shared_notes(model: nn.Module, frozen_ids: set[int]) -> list[str]:
    """Which layers are frozen because another one has the same weight: a head tied to the embedding."""
    first: dict[int, str] = {}
    notes = []
    for name, parameter in unwrapped(model).named_parameters(remove_duplicate=False):
        known = first.setdefault(id(parameter), name)
        if known != name and id(parameter) in frozen_ids:
            notes.append(f"{name} is the same tensor as {known}, and frozen with it")
    return notes


def _norm_note(num_norms: int, *, is_trained: bool) -> str:
    if is_trained:
        return f"batch norms in frozen layers: {num_norms}, all go on learning, as fastai has it"
    return f"batch norms in frozen layers: {num_norms}, frozen whole; they keep and use their running statistics"


def _follow(optimizer: Optimizer | None, layers: Sequence[LayerGroup]) -> list[str]:
    """Let the optimizer's groups follow; says what happened to them."""
    if optimizer is None:
        return []
    if has_scheduler(optimizer):
        return _scheduler_notes(optimizer, layers)
    before = len(optimizer.param_groups)
    num_added = add_missing(optimizer, layers)
    group_by_layers(optimizer, layers)
    notes = []
    if num_added:
        notes.append(f"{num_added} parameter tensors were not in the optimizer and have been added")
    if len(optimizer.param_groups) != before:
        notes.append(f"the optimizer has {len(optimizer.param_groups)} groups now, one rate each; its state is kept")
    return notes


def _scheduler_notes(optimizer: Optimizer, layers: Sequence[LayerGroup]) -> list[str]:
    notes = ["the optimizer's groups are as they were: a scheduler is attached to them, make it anew after this"]
    num_missing = sum(map(len, missing_parameters(optimizer, layers)))
    if num_missing:
        notes.append(
            f"{num_missing} parameter tensors are not in the optimizer and will not be trained: make both anew"
        )
    return notes
