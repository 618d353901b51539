"""The step that discovery hands to a loop: batch → model → loss, by one input reading and one loss reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.discovery.batch_items import reach
from lr_magic.notebook.discovery.expressions import TARGET_NAMES
from lr_magic.notebook.discovery.outputs import predictions
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
            said = output if self.loss.loss_fn is None else self.loss.prediction(output)
            return BatchOutcome(loss, self.metrics(self._compared(output, batch), said, batch))

    def _compared(self, output: object, batch: object) -> tuple[Any, Any]:
        """What metrics compare: what the loss does; where the model computes its own, its scores and its labels.

        Labels of a sequence are not compared: a language model shifts them inside. An expression can.
        """
        if self.loss.loss_fn is not None:
            return self.loss.prediction(output), self.inputs.target_of(batch)
        parts = predictions(output)
        labels = [reach(batch, path) for name, path in self.inputs.kwargs if name in TARGET_NAMES]
        if len(parts) == 1 and len(labels) == 1 and labels[0].ndim == 1:
            return parts[0][1], labels[0]
        return output, None
