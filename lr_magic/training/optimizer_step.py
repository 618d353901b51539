"""Calling an optimizer's step without what torch does around it, where nothing would come of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.optim import optimizer as torch_optimizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.optim import Optimizer

_HOOKS_OF_ALL = ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks")
_HOOKS_OF_ONE = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")


class OptimizerStep:
    """Makes the steps of one optimizer.

    torch wraps the step of every class of optimizers: it opens a range for the profiler and goes through four lists of
    hooks, some 20 µs per step, a thirtieth of a step of a small network. Where no profiler runs and no hook is
    registered, the function inside is called. An optimizer whose own ``step`` was replaced (an attached scheduler does
    so), and one whose class torch has not wrapped, is called as it is.

    Parameters
    ----------
    optimizer
        Whose steps are made. Hooks may come and go between two of them.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._inner = _inner_step(optimizer)
        holders = [(torch_optimizer, name) for name in _HOOKS_OF_ALL] + [(optimizer, name) for name in _HOOKS_OF_ONE]
        self._hooks: list[Any] = [getattr(holder, name, None) for holder, name in holders]
        if any(hooks is None for hooks in self._hooks):  # another version of torch keeps them elsewhere
            self._inner = None

    def __call__(self) -> None:
        """Make a step."""
        optimizer = self._optimizer
        if (
            self._inner is None
            or any(self._hooks)
            or "step" in optimizer.__dict__
            or torch.autograd._profiler_enabled()  # type: ignore[attr-defined]  # noqa: SLF001 - torch's own check
        ):
            optimizer.step()
        else:
            self._inner(optimizer)


def _inner_step(optimizer: Optimizer) -> Callable[[Optimizer], Any] | None:
    """The function that torch has wrapped; None where it has not."""
    step = type(optimizer).step
    inner: Callable[[Optimizer], Any] | None = getattr(step, "__wrapped__", None)
    return inner if getattr(step, "hooked", False) else None
