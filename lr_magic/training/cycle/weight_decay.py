"""Another weight decay for the time of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.optim import Optimizer

_KEY = "weight_decay"


class WeightDecay:
    """Sets the weight decay of an optimizer's groups, to be put back.

    Groups without any (biases, norms) keep it so where others have some: that is what they are groups for.

    Parameters
    ----------
    optimizer
        Whose groups are set.
    value
        Weight decay, >= 0; None changes nothing.
    """

    def __init__(self, optimizer: Optimizer, value: float | None) -> None:
        groups = [group for group in optimizer.param_groups if _KEY in group] if value is not None else []
        has_any = any(group[_KEY] for group in groups)
        self._kept = [(group, group[_KEY]) for group in groups]
        for group in groups:
            if group[_KEY] or not has_any:
                group[_KEY] = value

    def put_back(self) -> None:
        """Give every group its own weight decay back."""
        for group, value in self._kept:
            group[_KEY] = value
