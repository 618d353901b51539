"""Optimizers that are told when a model is trained and when looked at: schedule-free ones hold two sets of weights.

torch's own have no such methods; where an optimizer has them, its step refuses to run before `train` was called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.optim import Optimizer


def put_in_training(optimizer: Optimizer) -> None:
    """Tell an optimizer that has a training mode that steps follow."""
    _call(optimizer, "train")


def put_in_evaluation(optimizer: Optimizer) -> None:
    """Tell an optimizer that has a training mode that the model is looked at."""
    _call(optimizer, "eval")


def _call(optimizer: Optimizer, name: str) -> None:
    both = [getattr(optimizer, method, None) for method in ("train", "eval")]
    if all(map(callable, both)):
        getattr(optimizer, name)()
