"""Learning rate schedulers that belong to an optimizer, which does not know them."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LRScheduler

if TYPE_CHECKING:
    from torch.optim import Optimizer


def schedulers_of(optimizer: Optimizer) -> list[Any]:
    """Find the schedulers that hold an optimizer: the objects, or their attributes where only these are known.

    Searching all objects of the process takes tens of milliseconds, so it is done only where a scheduler has left its
    mark on the optimizer's `step`, as every scheduler of torch does.
    """
    if not hasattr(getattr(optimizer, "step", None), "_wrapped_by_lr_sched"):
        return []
    return [holder for holder in gc.get_referrers(optimizer) if _is_scheduler(holder, optimizer)]


def _is_scheduler(holder: object, optimizer: Optimizer) -> bool:
    if isinstance(holder, dict):
        return holder.get("optimizer") is optimizer and "last_epoch" in holder
    return isinstance(holder, LRScheduler)
