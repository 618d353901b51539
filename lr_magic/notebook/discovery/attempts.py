"""Trying one reading on one batch: a value, or the reason why it is not the loss."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Failure:
    """Why a trial did not work, in words."""

    reason: str


def attempt(function: Callable[[], Any]) -> Any:
    """Call the person's code; an error becomes a `Failure`, an interrupt goes on."""
    try:
        return function()
    except Exception as error:  # noqa: BLE001 - a wrong reading can fail in any way there is
        first_line = (str(error).splitlines() or [""])[0]
        return Failure(f"{type(error).__name__}: {first_line[:160]}")


def attempt_loss(function: Callable[[], Any]) -> Any:
    """Like `attempt`, with warnings as failures: torch only warns when shapes spread to something nobody meant."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for harmless in (DeprecationWarning, FutureWarning, PendingDeprecationWarning):
            warnings.simplefilter("ignore", harmless)
        return attempt(function)


def why_not_a_loss(loss: object, parameters: Sequence[torch.Tensor]) -> str | None:
    """Say why a value cannot be trained on: it is a finite scalar whose gradient reaches the parameters, or it is not.

    The graph stays, because several losses of one output share it.
    """
    if isinstance(loss, Failure):
        return loss.reason
    if not isinstance(loss, torch.Tensor):
        return f"it is {type(loss).__name__}, not a tensor"
    return _why_no_number(loss) or _why_no_gradient(loss, parameters)


def _why_no_number(loss: torch.Tensor) -> str | None:
    if loss.ndim != 0:
        return f"it has shape {list(loss.shape)}, not a single value"
    return None if bool(torch.isfinite(loss)) else "it is not finite"


def _why_no_gradient(loss: torch.Tensor, parameters: Sequence[torch.Tensor]) -> str | None:
    if not loss.requires_grad:
        return "it does not depend on the model's parameters"
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    gradients = attempt(lambda: torch.autograd.grad(loss, trained, allow_unused=True, retain_graph=True))
    if isinstance(gradients, Failure):
        return gradients.reason
    reached = any(gradient is not None for gradient in gradients)
    return None if reached else "no gradient reaches the optimizer's parameters"
