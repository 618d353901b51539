"""The step that discovery hands to a loop: batch → model → loss, by one input reading and one loss reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from lr_magic.training.setup import BatchOutcome

if TYPE_CHECKING:
    from torch import nn

    from lr_magic.notebook.discovery.expressions import Metrics
    from lr_magic.notebook.discovery.input_reading import InputReading
    from lr_magic.notebook.discovery.loss_reading import LossReading


@dataclass(frozen=True)
class SupervisedStep:
    """A model's loss on a batch; what a `TrainingSetup` calls ``compute_loss``."""

    model: nn.Module
    inputs: InputReading
    loss: LossReading
    metrics: Metrics | None = None
    measures_training: bool = True

    def __call__(self, batch: object) -> BatchOutcome:
        """Compute the loss of a batch; forward only."""
        output = self.inputs.feed(self.model, batch)
        target = self.inputs.target_of(batch)
        loss = self.loss.loss(output, target, batch)
        if self.metrics is None or (torch.is_grad_enabled() and not self.measures_training):
            return BatchOutcome(loss)
        with torch.no_grad():
            return BatchOutcome(loss, self.metrics(self.loss.prediction(output), target, batch))
