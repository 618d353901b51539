"""The loss where the notebook holds none: by the shapes and values of output and target, or none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: N812 - torch's own name for it

from lr_magic.notebook.discovery.loss_fits import fits
from lr_magic.notebook.discovery.outputs import is_probability

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch


def default_loss(output: torch.Tensor, target: torch.Tensor) -> tuple[str, Callable[..., torch.Tensor]] | None:
    """Return the one loss that output and target allow, with its name; None where they allow several or none.

    Class indices against class scores: cross entropy. Zeros and ones against a single output: binary cross entropy.
    Floats of the output's shape: squared error, unless they could as well be probabilities or labels.
    """
    if _is_single(output) and _is_binary(target) and fits(F.binary_cross_entropy_with_logits, output, target):
        if _within_unit(output):
            return "binary cross entropy", F.binary_cross_entropy
        return "binary cross entropy with logits", F.binary_cross_entropy_with_logits
    if target.is_floating_point():
        return _for_floats(output, target)
    if fits(F.cross_entropy, output, target) and not is_probability(output):
        return "cross entropy", F.cross_entropy
    return None


def _for_floats(output: torch.Tensor, target: torch.Tensor) -> tuple[str, Callable[..., torch.Tensor]] | None:
    # Zeros and ones over several columns: many labels, one-hot classes or plain numbers.
    if _is_binary(target) or not fits(F.mse_loss, output, target):
        return None
    rows_are_probabilities = target.ndim >= 2 and is_probability(target)
    return None if rows_are_probabilities else ("squared error", F.mse_loss)


def _is_single(output: torch.Tensor) -> bool:
    return output.ndim == 1 or (output.ndim == 2 and output.shape[1] == 1)


def _is_binary(target: torch.Tensor) -> bool:
    return bool(((target == 0) | (target == 1)).all())


def _within_unit(output: torch.Tensor) -> bool:
    return bool(((output >= 0) & (output <= 1)).all())
