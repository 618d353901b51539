"""Whether a step gives one loss twice, from the same random numbers: if not, its curve is noisier than it looks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from lr_magic.notebook.discovery.own_step.own_step import OwnStep
from lr_magic.training.restoring.random_state import GlobalRandomState

if TYPE_CHECKING:
    from lr_magic.notebook.discovery.found_step import FoundStep

_TOLERANCE = 1e-4


def with_warning_if_irreproducible(found: FoundStep, batch: object) -> FoundStep:
    """Run a step twice on one batch, and add a line to the report where the losses differ."""
    first, second = _loss(found, batch), _loss(found, batch)
    if abs(first - second) <= _TOLERANCE * max(abs(first), abs(second)):
        return found
    line = f"the same batch and the same random numbers gave {first:.4g} and {second:.4g}"
    return replace(found, guesses=(*found.guesses, line))


def _loss(found: FoundStep, batch: object) -> float:
    step = found.compute_loss.fresh() if isinstance(found.compute_loss, OwnStep) else found.compute_loss
    random = GlobalRandomState()
    with torch.no_grad():
        loss = float(step(batch).loss)
    random.put_back()
    return loss
