"""Learning rates and momenta of an optimizer's param groups; the only place that knows momentum from beta1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from lr_magic.pure.curve_reading.optimizer_kind import OptimizerKind
from lr_magic.pure.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch.optim import Optimizer

Group = dict[str, Any]


def refuse_without_lr(optimizer: Optimizer) -> None:
    """Raise SettingError where a param group has no learning rate: the optimizer finds its step's size by itself."""
    if any("lr" not in group for group in optimizer.param_groups):
        raise SettingError(
            f"{type(optimizer).__name__} keeps no learning rate in its param groups (`lr`), so there is none to set. "
            "Use an optimizer with one: SGD, AdamW, …"
        )


class SweptRates:
    """Sets one learning rate for all param groups of some optimizers, keeping the ratios between them.

    The rate that is set is that of the group with the highest one; a group at zero stays at zero. Where every rate is
    zero (a warm-up scheduler has just begun) the ratios are those of ``initial_lr``, else all equal.

    Parameters
    ----------
    optimizers
        One or more optimizers, each with at least one param group.
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self._groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        self._ratios = _ratios(self._groups)
        is_single = len(self._groups) == 1 and not isinstance(self._groups[0]["lr"], torch.Tensor)
        self._single = self._groups[0] if is_single else None

    def set(self, lr: float) -> None:
        """Give the highest group the rate `lr`, every other one its share."""
        if self._single is not None:
            self._single["lr"] = lr
            return
        for group, ratio in zip(self._groups, self._ratios, strict=True):
            set_lr(group, lr * ratio)


def _ratios(groups: list[Group]) -> list[float]:
    for rates in ([float(g["lr"]) for g in groups], [float(g.get("initial_lr", 0.0)) for g in groups]):
        highest = max(rates)
        if highest > 0:
            return [rate / highest for rate in rates]
    return [1.0] * len(groups)


def set_lr(group: Group, lr: float) -> None:
    """Set a group's learning rate; a tensor (capturable optimizers) is filled in place."""
    if isinstance(group["lr"], torch.Tensor):
        group["lr"].fill_(lr)
    else:
        group["lr"] = lr


def kind_of(groups: Sequence[Group]) -> OptimizerKind | None:
    """What an optimizer with these param groups is, by the names of their settings; None for any other kind."""
    if all("betas" in group for group in groups):
        return OptimizerKind.ADAM
    if any("momentum" not in group or "alpha" in group for group in groups):
        return None
    has_momentum = any(get_momentum(group) is not None for group in groups)
    return OptimizerKind.MOMENTUM if has_momentum else OptimizerKind.SGD


def get_momentum(group: Group) -> float | None:
    """SGD's momentum or Adam's beta1; None where the group has neither or it is switched off (0)."""
    if "betas" in group:
        return float(group["betas"][0]) or None
    return float(group.get("momentum", 0.0)) or None


def set_momentum(group: Group, momentum: float) -> None:
    """Set SGD's momentum or Adam's beta1 of a group that has one (see `get_momentum`)."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


class GroupValues:
    """Rates, momenta and keys of an optimizer's groups as they are now, to be put back after a training."""

    _CYCLED = ("lr", "momentum", "betas")

    def __init__(self, optimizer: Optimizer) -> None:
        self._groups = [(group, tuple(group), _picked(group, self._CYCLED)) for group in optimizer.param_groups]
        self._lrs = [float(group["lr"]) for group in optimizer.param_groups]

    def put_back(self) -> None:
        """Give every group its rate, momentum and keys as they were; a tensor keeps its identity."""
        for (group, keys, cycled), lr in zip(self._groups, self._lrs, strict=True):
            for key in [key for key in group if key not in keys]:
                del group[key]
            group.update(cycled)
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(lr)


def _picked(group: Group, keys: tuple[str, ...]) -> Group:
    return {key: group[key] for key in keys if key in group}
