"""Layer groups of a model, stem to head, found from its module tree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from torch import nn

from lr_magic.pure.errors import SettingError
from lr_magic.training.layers.layer_units import LayerUnit, owner_units, unwrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

# More blocks than this are put together in runs of equal length: a table that nobody reads helps nobody.
_MOST_GROUPS = 16
# A model of fewer groups than this is looked into further, where there is anything to look into.
_FEWEST_GROUPS = 3


@dataclass(frozen=True)
class LayerGroup:
    """Neighbouring layers that are frozen together and get one learning rate.

    Attributes
    ----------
    names
        Paths of its modules, in the order of the model: ``("conv1", "bn1")``.
    modules
        The modules themselves; a parameter that belongs to none of them is in `parameters` only.
    parameters
        Its parameters, each once; a parameter shared with an earlier group belongs to that one.
    """

    names: tuple[str, ...]
    modules: tuple[nn.Module, ...]
    parameters: tuple[nn.Parameter, ...]

    @property
    def label(self) -> str:
        """What it is called: its module, or its first and last one."""
        if len(self.names) <= 2:
            return ", ".join(self.names)
        return f"{self.names[0]} to {self.names[-1]}"

    @property
    def num_parameters(self) -> int:
        """Number of single parameters; lazy ones count from their first batch on."""
        return sum(p.numel() for p in self.parameters if not nn.parameter.is_lazy(p))

    @property
    def is_trainable(self) -> bool:
        """Whether any of its parameters is trained."""
        return any(p.requires_grad for p in self.parameters)


def find_layer_groups(model: nn.Module, groups: Sequence[str | Sequence[str]] | None = None) -> list[LayerGroup]:
    """Find the layer groups of a model, first layers first.

    The tree is opened from the top: a module that only wraps another one is looked through, one that holds more than
    half of the layers (or is a plain list of modules) is replaced by its children, and so is the largest one while
    there are fewer than three groups. Norms, embeddings in a row and loose parameters go with the layer before them.
    More than 16 groups are joined in runs of equal length between stem and head. The order is the one in which the
    model defines its modules.

    Parameters
    ----------
    model
        Any module with parameters; wrappers (``torch.compile``, ``DataParallel``) are looked through.
    groups
        The person's own groups instead: paths of modules or parameters, or lists of them, stem to head. What they
        leave out goes with the group before it in the order of the model.

    Raises
    ------
    SettingError
        If the model has no parameters, or a name is not one of its modules or parameters.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 2))
    >>> [group.label for group in find_layer_groups(net)]
    ['0, 1', '3', '4']
    """
    inner = unwrapped(model)
    if next(inner.parameters(), None) is None:
        raise SettingError(f"{type(inner).__name__} has no parameters, so it has no layers to group.")
    if groups is not None:
        return _asked_groups(inner, groups)
    return [_group_of(run) for run in _joined(_runs(_unshared(_opened(inner))))]


def _opened(model: nn.Module) -> list[LayerUnit]:
    """Units of a model, none of them with more than half of its layers where that can be helped."""
    units = owner_units("", model)
    num_layers = sum(unit.num_layers for unit in units)
    while True:
        index = _to_open(units, num_layers)
        if index is None:
            return units
        units[index : index + 1] = owner_units(units[index].name, units[index].module)


def _to_open(units: list[LayerUnit], num_layers: int) -> int | None:
    can_open = [i for i, unit in enumerate(units) if unit.can_open]
    lists = [i for i in can_open if units[i].is_list]
    if lists:
        return lists[0]
    largest = max(can_open, key=lambda i: units[i].num_layers, default=None)
    if largest is None:
        return None
    is_few = sum(unit.num_layers > 0 for unit in units) < _FEWEST_GROUPS
    if is_few and len(can_open) > 1 and largest == len(units) - 1:
        largest = can_open[-2]  # the head stays whole while there is a body to open
    return largest if is_few or units[largest].num_layers > num_layers / 2 else None


def _runs(units: list[LayerUnit]) -> list[list[LayerUnit]]:
    """Units in runs that each hold a layer: what has none goes with the one before, at the start with the next."""
    runs: list[list[LayerUnit]] = []
    for unit in units:
        is_stem_so_far = bool(runs) and all(u.num_layers == 0 or u.is_embedding for u in runs[-1])
        joins = bool(runs) and (
            unit.num_layers == 0 or sum(u.num_layers for u in runs[-1]) == 0 or (is_stem_so_far and unit.is_embedding)
        )
        if joins:
            runs[-1].append(unit)
        else:
            runs.append([unit])
    return runs


def _joined(runs: list[list[LayerUnit]]) -> list[list[LayerUnit]]:
    """At most `_MOST_GROUPS` runs: the first and the last stay, what is between is joined evenly."""
    if len(runs) <= _MOST_GROUPS:
        return runs
    stem, *blocks, head = runs
    length = -(-len(blocks) // (_MOST_GROUPS - 2))
    joined = [list(chain.from_iterable(blocks[i : i + length])) for i in range(0, len(blocks), length)]
    return [stem, *joined, head]


def _asked_groups(model: nn.Module, groups: Sequence[str | Sequence[str]]) -> list[LayerGroup]:
    """The person's own groups, with what they leave out."""
    asked = [(names,) if isinstance(names, str) else tuple(names) for names in groups]
    number_of = {name: number for number, names in enumerate(asked) for name in names}
    for name in number_of:
        check_name(model, name)
        if sum(names.count(name) for names in asked) > 1:
            raise SettingError(f"The layer {name} is named twice; it can be in one group only.")
    parameters: list[list[nn.Parameter]] = [[] for _ in asked]
    modules: list[dict[nn.Module, None]] = [{} for _ in asked]
    current = 0
    for name, parameter in model.named_parameters():
        within = [known for known in number_of if is_within(name, known)]
        current = number_of[max(within, key=len)] if within else current
        parameters[current].append(parameter)
        modules[current][model.get_submodule(name.rpartition(".")[0])] = None
    for names, own in zip(asked, parameters, strict=True):
        if not own:
            raise SettingError(f"The group {', '.join(names)} holds no parameter of its own. Leave it out.")
    return [LayerGroup(*parts) for parts in zip(asked, map(tuple, modules), map(tuple, parameters), strict=True)]


def check_name(model: nn.Module, name: str) -> None:
    """Raise SettingError unless a name is the path of a module or parameter of the model."""
    if not any(is_within(known, name) for known, _ in model.named_parameters()):
        top = ", ".join(child for child, _ in model.named_children())
        raise SettingError(f"{type(model).__name__} has no layer {name!r} with parameters. Its parts are: {top}.")


def is_within(path: str, name: str) -> bool:
    """Whether a path lies at or below a name."""
    return path == name or path.startswith(f"{name}.")


def _group_of(run: list[LayerUnit]) -> LayerGroup:
    return LayerGroup(
        names=tuple(unit.name for unit in run),
        modules=tuple(unit.module for unit in run if unit.module is not None),
        parameters=tuple(parameter for unit in run for parameter in unit.parameters),
    )


def _unshared(units: list[LayerUnit]) -> list[LayerUnit]:
    """Units with each parameter in the first of them that has it; those left with none are dropped."""
    seen: set[int] = set()
    left = []
    for unit in units:
        own = {id(p): p for p in unit.parameters if id(p) not in seen}
        seen.update(own)
        if own:
            left.append(replace(unit, parameters=tuple(own.values())))
    return left
