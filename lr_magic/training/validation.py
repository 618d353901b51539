"""One pass over the validation loader: loss and metrics."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.training.batches import BatchSource, EndOfBatches, count_samples
from lr_magic.training.epoch_metrics import EpochMeans
from lr_magic.training.optimizer_mode import put_in_evaluation, put_in_training
from lr_magic.training.step import autocast_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from lr_magic.training.setup import TrainingSetup


def validate(setup: TrainingSetup) -> tuple[float, dict[str, float]] | None:
    """Compute mean loss and metrics on the validation data, in eval mode and without gradients.

    Returns
    -------
    (loss, metrics), or None without validation data. Every module's train/eval flag is as before afterwards.

    Raises
    ------
    BatchError
        If the validation loader yields no batch.
    """
    if setup.valid_loader is None:
        return None
    flags = TrainingFlags(setup.model)
    source = BatchSource(setup.valid_loader, setup.target_device)
    means = EpochMeans()
    try:
        setup.model.eval()
        put_in_evaluation(setup.optimizer)
        with torch.no_grad(), autocast_of(setup) or nullcontext():
            for batch in _one_pass(source):
                outcome = setup.compute_loss(batch)
                means.add({**outcome.metrics, _LOSS: outcome.loss}, count_samples(batch))
    finally:
        flags.put_back()
        put_in_training(setup.optimizer)
        source.close()
    source.refuse_if_empty()
    read = means.read()
    return read.pop(_LOSS), read


_LOSS = " loss"


def _one_pass(source: BatchSource) -> Iterator[Any]:
    while True:
        try:
            batch = source.next_in_pass()
        except EndOfBatches:
            return
        yield batch


class TrainingFlags:
    """The train/eval flag of every module, to be put back."""

    def __init__(self, model: nn.Module) -> None:
        self._flags = [(module, module.training) for module in model.modules()]

    def put_back(self) -> None:
        """Give every module its flag back."""
        for module, is_training in self._flags:
            module.training = is_training
