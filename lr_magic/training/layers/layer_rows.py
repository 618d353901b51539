"""The layer groups of a model in words: one row per group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.pure.results.layer_table import LayerRow
from lr_magic.training.layers.frozen_norms import batch_norms, is_held
from lr_magic.training.layers.layer_groups import find_layer_groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from lr_magic.training.layers.layer_groups import LayerGroup


def describe_layers(model: nn.Module, groups: Sequence[str | Sequence[str]] | None = None) -> tuple[LayerRow, ...]:
    """Say what the layer groups of a model are; changes nothing. `groups` as for `find_layer_groups`."""
    return rows_of(find_layer_groups(model, groups))


def rows_of(layers: Sequence[LayerGroup]) -> tuple[LayerRow, ...]:
    """One row per layer group, stem to head."""
    return tuple(_row(number, layer) for number, layer in enumerate(layers))


def _row(number: int, layer: LayerGroup) -> LayerRow:
    trained = sum(p.numel() for p in layer.parameters if p.requires_grad)
    num_held = sum(is_held(norm) for norm in batch_norms(layer.modules))
    return LayerRow(number, layer.label, layer.num_parameters, trained, num_held)
