"""Every reading of a batch that a signature allows, most likely first."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import TYPE_CHECKING

import torch

from lr_magic.notebook.discovery.batch_items import Item, is_object, items_of
from lr_magic.notebook.discovery.forward_signature import (
    ForwardSignature,
    is_drawn,
    is_length,
    is_mask,
    is_state,
    is_target,
)
from lr_magic.notebook.discovery.input_reading import InputReading
from lr_magic.notebook.discovery.words import sounds_like_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_KEY_OF_PARAMETER = {
    "input_ids": ("ids", "token_ids", "tokens", "inputs"),
    "attention_mask": ("mask", "attn_mask"),
    "labels": ("label", "targets", "target"),
    "pixel_values": ("image", "images"),
    "token_type_ids": ("segment_ids", "segments"),
}
"""Keys that go to a parameter of another name."""

Tier = list[InputReading]


def tiers_of_readings(batch: object, signature: ForwardSignature) -> Iterator[Tier]:
    """Yield groups of readings; a later group is looked at only if nothing in the earlier ones works.

    Within a group every reading that works counts: two of them are a question.
    """
    items = items_of(batch)
    if any(item.name for item in items):
        yield from _by_name(items, signature)
        if is_object(batch) and len(signature.required) <= 1:
            named = [item for item in items if item.is_tensor and sounds_like_target(item.name)]
            yield [InputReading(args=((),), target=t, unused=()) for t, _ in _targets(named)]
    else:
        yield from _by_place(items, signature)


def missing_parameter(batch: object, signature: ForwardSignature) -> str | None:
    """Return a required parameter that no part of the batch may fill, or None."""
    items = items_of(batch)
    names = {item.name for item in items} - {""}
    for parameter in signature.required:
        if is_state(parameter) and _key_for(parameter, names) is None:
            return parameter
    if len(signature.required) >= len(items) > 1:
        # with nothing left to compare the output with, a time or a noise is what the loop draws
        drawn = [p for p in signature.required if is_drawn(p) and _key_for(p, names) is None]
        if drawn:
            return drawn[0]
    return signature.required[len(items)] if len(signature.required) > len(items) else None


def _by_name(items: Sequence[Item], signature: ForwardSignature) -> Iterator[Tier]:
    tensors = [item for item in items if item.is_tensor or is_target(item.name)]
    if signature.takes_any:
        yield [InputReading(kwargs=tuple((item.name, item.path) for item in items if item.is_tensor))]
        return
    names = {item.name for item in items}
    matched = {p: key for p in signature.names if (key := _key_for(p, names)) is not None}
    if matched and all(p in matched for p in signature.required):
        used = set(matched.values())
        rest = [item for item in tensors if item.name not in used]
        path_of = {item.name: item.path for item in items}
        kwargs = tuple((p, path_of[key]) for p, key in matched.items())
        yield [InputReading(kwargs=kwargs, target=t, unused=u) for t, u in _targets(rest)]
        return
    yield from _by_place(tensors, signature)


def _key_for(parameter: str, names: set[str]) -> str | None:
    if parameter in names:
        return parameter
    return next((key for key in _KEY_OF_PARAMETER.get(parameter, ()) if key in names), None)


def _targets(rest: Sequence[Item]) -> list[tuple[tuple[int | str, ...] | None, tuple[tuple[int | str, ...], ...]]]:
    """Return each possible target among the parts that forward leaves, with what then stays unused."""
    if not rest:
        return [(None, ())]
    named = [item for item in rest if item.name and sounds_like_target(item.name)]
    return [(t.path, tuple(o.path for o in rest if o is not t)) for t in (named or rest)]


def _by_place(items: Sequence[Item], signature: ForwardSignature) -> Iterator[Tier]:
    """Yield inputs first and target last, then other choices in order, then other orders."""
    fewest = max(1, len(signature.required))
    most = len(items) if signature.takes_any else min(len(items), len(signature.names))
    counts = range(fewest, most + 1)
    yield [r for k in counts if k in {len(items), len(items) - 1} for r in _chosen(items, tuple(range(k)), signature)]
    in_order = [c for k in counts for c in combinations(range(len(items)), k)]
    yield [r for chosen in in_order for r in _chosen(items, chosen, signature)]
    other = [p for k in counts if k > 1 for p in permutations(range(len(items)), k) if p != tuple(sorted(p))]
    yield [r for chosen in other for r in _chosen(items, chosen, signature)]


def _chosen(items: Sequence[Item], chosen: tuple[int, ...], signature: ForwardSignature) -> list[InputReading]:
    given = list(zip(signature.names, [items[i] for i in chosen], strict=False))
    if not all(_makes_sense(parameter, item) for parameter, item in given):
        return []
    rest = [items[i] for i in range(len(items)) if i not in chosen and items[i].is_tensor]
    args = tuple(items[i].path for i in chosen)
    return [InputReading(args=args, target=t, unused=u) for t, u in _targets(rest)]


def _makes_sense(parameter: str, item: Item) -> bool:
    """Tell whether a part of the batch can be what the parameter's name says."""
    if is_state(parameter):
        return False
    if item.name and sounds_like_target(item.name) and not is_target(parameter):
        return False
    value = item.value
    if not isinstance(value, torch.Tensor):
        return True
    if is_length(parameter):
        return not value.is_floating_point() and value.ndim == 1 and bool((value >= 1).all())
    if is_mask(parameter):
        return value.dtype == torch.bool or bool(((value == 0) | (value == 1)).all())
    return True
