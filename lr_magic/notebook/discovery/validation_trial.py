"""Whether the step gives a loss on validation data too: a detector in eval mode returns boxes, not losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.discovery.attempts import Failure, attempt
from lr_magic.notebook.discovery.own_step.own_step import OwnStep
from lr_magic.notebook.discovery.trial_batches import draw_trial_batches
from lr_magic.training.batches import move

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from lr_magic.notebook.discovery.candidates import Candidate


def why_no_validation(
    model: nn.Module, valid: Candidate, compute_loss: Callable[[Any], Any], device: torch.device
) -> str | None:
    """Run the step on one validation batch in eval mode; returns why it gives no loss, or None if it does.

    Changes modes and random numbers; the caller restores them.
    """
    step = compute_loss.fresh() if isinstance(compute_loss, OwnStep) else compute_loss
    model.eval()
    with torch.no_grad():
        outcome = attempt(lambda: step(move(draw_trial_batches(valid, "", limit=1)[0], device)))
    if isinstance(outcome, Failure):
        return outcome.reason
    is_loss = isinstance(outcome.loss, torch.Tensor) and outcome.loss.numel() == 1
    return None if is_loss else "the step gives no loss in eval mode"
