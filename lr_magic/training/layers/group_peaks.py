"""One peak rate per param group, from any way to write it; by layers where a range is meant for them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lr_magic.pure.cycle.peak_lrs import peak_lrs
from lr_magic.pure.errors import SettingError
from lr_magic.training.layers.group_layout import GroupLayout, group_by_layers, layer_numbers
from lr_magic.training.layers.layer_groups import find_layer_groups

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from lr_magic.training.layers.layer_groups import LayerGroup
    from lr_magic.training.setup import TrainingSetup


class GroupPeaks:
    """Peak rates of a setup's param groups.

    A number counts for all groups. A range is spread over the layer groups, and so is a list with one rate for each:
    over the param groups where these are the layers from stem to head already (one's own ones, or those that `freeze`
    has made), else the groups are split by layers for the time of a training (`split`).

    Parameters
    ----------
    setup
        Whose optimizer is meant; only looked at.
    max_lr
        See `peak_lrs`.

    Raises
    ------
    SettingError
        If there is neither one rate per param group nor one per layer group, or a rate is not above 0.
    """

    def __init__(self, setup: TrainingSetup, max_lr: object) -> None:
        self._optimizer = setup.optimizer
        self._layers: list[LayerGroup] | None = None
        numbers = self._numbers(setup, max_lr)
        by_layer = peak_lrs(max_lr, max(numbers) + 1)
        self.lrs = [by_layer[number] for number in numbers]

    def split(self) -> GroupLayout:
        """Split the optimizer's groups where the peaks need it; returns the layout before, to be put back."""
        layout = GroupLayout(self._optimizer)
        if self._layers is not None:
            group_by_layers(self._optimizer, self._layers)
        return layout

    def _numbers(self, setup: TrainingSetup, max_lr: object) -> list[int]:
        """For each param group to be, the number of its rate."""
        each = list(range(len(self._optimizer.param_groups)))
        num_given = len(max_lr) if isinstance(max_lr, Sequence) else None
        if not isinstance(max_lr, slice) and num_given in (None, len(each)):
            return each
        numbers = layer_numbers(self._optimizer)
        layers = find_layer_groups(setup.model)
        if numbers is None and num_given is None and follows_layers(self._optimizer, layers):
            return each
        if numbers is None:
            self._layers = layers
            numbers = _numbers_after_split(self._optimizer, layers)
        if num_given not in (None, max(numbers) + 1):
            raise SettingError(
                f"max_lr has {num_given} values for {len(each)} param group{'s' if len(each) > 1 else ''} and "
                f"{max(numbers) + 1} layer groups; give one per group, or a range LOW:HIGH."
            )
        return numbers


def _numbers_after_split(optimizer: Optimizer, layers: Sequence[LayerGroup]) -> list[int]:
    """Layer numbers of the param groups that `group_by_layers` would make, counted without gaps."""
    spans = sorted(number for group in optimizer.param_groups for number in set(_layers_of(group, layers)) or {0})
    known = sorted(set(spans))
    return [known.index(number) for number in spans]


def follows_layers(optimizer: Optimizer, layers: Sequence[LayerGroup]) -> bool:
    """Whether an optimizer's groups, several of them, go from stem to head already."""
    spans = [_layers_of(group, layers) for group in optimizer.param_groups]
    if len(spans) == 1 or not all(spans):
        return False
    return all(max(one) < min(other) for one, other in pairwise(spans))


def _layers_of(group: dict[str, Any], layers: Sequence[LayerGroup]) -> list[int]:
    number_of = {id(p): number for number, layer in enumerate(layers) for p in layer.parameters}
    return [number_of.get(id(p), len(layers)) for p in group["params"]]
