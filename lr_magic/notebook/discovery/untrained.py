"""An output that the loss leaves out, though parameters of the optimizer work for it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lr_magic.notebook.discovery.batch_items import items_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.notebook.discovery.batch_items import Path


def untrained_output(loss: torch.Tensor, output: object, parameters: Sequence[torch.Tensor]) -> Path | None:
    """Return the first part of an output that depends on parameters which the loss does not reach.

    A second head with a loss of its own, which only the person's loop computes. A model whose parameters are all
    reached may return what it likes.
    """
    missed = _without_gradient(loss, [p for p in parameters if p.requires_grad])
    if not missed:
        return None
    for item in items_of(output):
        part = item.value
        if not isinstance(part, torch.Tensor) or not part.requires_grad or part is loss:
            continue
        if len(_without_gradient(part.sum(), missed)) < len(missed):
            return item.path
    return None


def _without_gradient(value: torch.Tensor, parameters: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    if not parameters:
        return []
    gradients = torch.autograd.grad(value, parameters, allow_unused=True, retain_graph=True)
    return [p for p, gradient in zip(parameters, gradients, strict=True) if gradient is None]
