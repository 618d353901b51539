"""Learning rate schedulers that belong to an optimizer, which does not know them."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LRScheduler

if TYPE_CHECKING:
    from torch.optim import Optimizer


# Attributes that tell a scheduler; a chain of them counts no steps of its own.
_MARKS = frozenset({"last_epoch", "_schedulers"})


def schedulers_of(optimizers: list[Optimizer], *, is_stepped_by_us: bool) -> list[Any]:
    """Find the schedulers that hold optimizers: the objects, or their attributes where only these are known.

    Searching all objects of the process takes tens of milliseconds. Where only the engine itself makes the steps, it
    is done only if a scheduler has left its mark on an optimizer's `step` (not all do: ReduceLROnPlateau does not).

    Parameters
    ----------
    is_stepped_by_us
        Nothing but the engine calls anything; False where a person's own code runs, which may step any scheduler.
    """
    searched = [each for each in optimizers if not is_stepped_by_us or hasattr(each.step, "_wrapped_by_lr_sched")]
    return [holder for each in searched for holder in gc.get_referrers(each) if _is_scheduler(holder, each)]


def _is_scheduler(holder: object, optimizer: Optimizer) -> bool:
    if isinstance(holder, dict):
        return holder.get("optimizer") is optimizer and not _MARKS.isdisjoint(holder)
    return isinstance(holder, LRScheduler)
