"""One pass over the validation loader: mean loss and metrics, weighted by the samples of each batch."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.training.batches import BatchSource, EndOfBatches, count_samples
from lr_magic.training.step import autocast_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import nn

    from lr_magic.training.setup import TrainingSetup


class WeightedMeans:
    """Means of named numbers over batches, weighted by samples; tensors stay on the device until `read`."""

    def __init__(self) -> None:
        self._values: dict[str, list[Any]] = {}
        self._weights: dict[str, list[int]] = {}

    def add(self, values: Mapping[str, Any], num_samples: int) -> None:
        """Add a batch's numbers."""
        for name, value in values.items():
            self._values.setdefault(name, []).append(value.detach() if isinstance(value, torch.Tensor) else value)
            self._weights.setdefault(name, []).append(num_samples)

    def read(self) -> dict[str, float]:
        """Means so far, read from the device at once."""
        return {name: weighted_mean(as_floats(self._values[name]), self._weights[name]) for name in self._values}


def as_floats(values: list[Any]) -> list[float]:
    """Numbers and tensors with one element as floats; tensors are read together."""
    if values and all(isinstance(value, torch.Tensor) for value in values):
        numbers: list[float] = torch.stack([value.reshape(()).float() for value in values]).tolist()
        return numbers
    return [float(value) for value in values]


def weighted_mean(values: list[float], weights: list[int]) -> float:
    """Mean of values by weights; NaN where there are none."""
    total = sum(weights)
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / total if total else float("nan")


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
    means = WeightedMeans()
    try:
        setup.model.eval()
        with torch.no_grad(), autocast_of(setup) or nullcontext():
            for batch in _one_pass(source):
                outcome = setup.compute_loss(batch)
                means.add({**outcome.metrics, _LOSS: outcome.loss}, count_samples(batch))
    finally:
        flags.put_back()
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
