"""Refuses indices out of range before an accelerator sees them: there, one such index ends all further use of it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Callable


def index_guard(device: torch.device) -> AbstractContextManager[Any]:
    """Return the room in which a wrong reading may be tried on a device; on the CPU every error is just an error."""
    return nullcontext() if device.type == "cpu" else IndexGuard()


class IndexGuard(TorchFunctionMode):
    """Checks the indices of look-ups and of losses over classes; costs a synchronisation each, so for trials only."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Check, then call."""
        del types
        given = kwargs or {}
        check = _CHECKS.get(func)
        if check is not None:
            check(*args, **given)
        return func(*args, **given)


def _check_embedding(input: torch.Tensor, weight: torch.Tensor, *_: Any, **__: Any) -> None:  # noqa: A002 - torch's name
    _require_within(input, 0, weight.shape[0])


def _check_classes(input: torch.Tensor, target: torch.Tensor, *_: Any, ignore_index: int = -100, **__: Any) -> None:  # noqa: A002
    if not target.is_floating_point() and input.ndim > 0:
        classes = input.shape[1] if input.ndim > 1 else input.shape[0]
        _require_within(target[target != ignore_index], 0, classes)


def _check_probabilities(input: torch.Tensor, *_: Any, **__: Any) -> None:  # noqa: A002
    if not bool(((input >= 0) & (input <= 1)).all()):
        raise ValueError("binary cross entropy takes probabilities, between 0 and 1")


def _check_gather(input: torch.Tensor, dim: int, index: torch.Tensor, *_: Any, **__: Any) -> None:  # noqa: A002
    _require_within(index, -input.shape[dim], input.shape[dim])


def _require_within(index: torch.Tensor, low: int, high: int) -> None:
    if index.numel() and not bool(((index >= low) & (index < high)).all()):
        raise IndexError(f"index out of range: {int(index.min())} to {int(index.max())}, for a table of {high}")


_CHECKS: dict[Callable[..., Any], Callable[..., None]] = {
    F.embedding: _check_embedding,
    F.embedding_bag: _check_embedding,
    F.cross_entropy: _check_classes,
    F.nll_loss: _check_classes,
    F.binary_cross_entropy: _check_probabilities,
    torch.gather: _check_gather,
    torch.Tensor.gather: _check_gather,
    torch.index_select: _check_gather,
    torch.Tensor.index_select: _check_gather,
}
