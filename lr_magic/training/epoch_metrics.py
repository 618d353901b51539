"""What an epoch says: numbers of its batches are averaged, metrics are updated by batch and computed in the end."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch

from lr_magic.pure.errors import BatchError
from lr_magic.training.loss_fetching import type_of_means

if TYPE_CHECKING:
    from collections.abc import Sequence


@runtime_checkable
class EpochMetric(Protocol):
    """What is no mean over batches: it takes in each of them and is computed in the end (torchmetrics, torcheval)."""

    def reset(self) -> Any:
        """Forget all batches."""

    def update(self, *args: Any, **kwargs: Any) -> Any:
        """Take in a batch."""

    def compute(self) -> Any:
        """Value over the batches since the last `reset`: one number, or several by name."""


@dataclass(frozen=True)
class MetricUpdate:
    """What the batches of a step give to a metric of the epoch, in place of a number.

    Attributes
    ----------
    metric
        Takes them in once the step has been made.
    calls
        Positional and keyword arguments of `EpochMetric.update`, one pair per batch.
    """

    metric: EpochMetric
    calls: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...]


class UpdateOf:
    """Called like the metric itself with a batch; answers what an epoch is to do with it, and leaves the metric alone.

    Parameters
    ----------
    metric
        A person's own; copied, so that what it has gathered stays as it is.
    """

    def __init__(self, metric: EpochMetric) -> None:
        self._metric = copy.deepcopy(metric)

    def __call__(self, *args: Any, **kwargs: Any) -> MetricUpdate:
        """Note the arguments of an update."""
        named = {name: _detached(value) for name, value in kwargs.items()}
        return MetricUpdate(self._metric, ((tuple(map(_detached, args)), named),))


def followed_over_epoch(metric: Any) -> Any:
    """A function of a batch as it is; for a metric of the epoch, what notes its updates."""
    return UpdateOf(metric) if isinstance(metric, EpochMetric) and not isinstance(metric, type) else metric


class EpochMeans:
    """What an epoch says, from what its batches say; tensors stay on the device until `read`."""

    def __init__(self) -> None:
        self._values: dict[str, list[Any]] = {}
        self._weights: dict[str, list[int]] = {}
        self._metrics: dict[str, EpochMetric] = {}

    def add(self, values: Mapping[str, Any], num_samples: int) -> None:
        """Add a batch's numbers, which are weighted by its samples, and its updates."""
        for name, value in values.items():
            if isinstance(value, MetricUpdate):
                self._update(name, value)
            else:
                self._values.setdefault(name, []).append(_detached(value))
                self._weights.setdefault(name, []).append(num_samples)

    def read(self) -> dict[str, float]:
        """Means and metrics so far, read from the device."""
        means = {name: weighted_mean(as_floats(self._values[name]), self._weights[name]) for name in self._values}
        for name, metric in self._metrics.items():
            means.update(numbers_of(name, metric.compute()))
        return means

    def _update(self, name: str, update: MetricUpdate) -> None:
        if name not in self._metrics:
            self._metrics[name] = update.metric
            update.metric.reset()
        for args, kwargs in update.calls:
            self._metrics[name].update(*args, **kwargs)


def mean_over_batches(values: Sequence[Any]) -> Any:
    """Value of one step from those of its batches: the mean of numbers, all updates of a metric."""
    if isinstance(values[0], MetricUpdate):
        return MetricUpdate(values[0].metric, tuple(call for value in values for call in value.calls))
    return sum(values) / len(values)


def as_floats(values: list[Any]) -> list[float]:
    """Numbers and tensors with one element as floats; tensors are read together."""
    if values and all(isinstance(value, torch.Tensor) for value in values):
        numbers: list[float] = torch.stack([value.reshape(()).to(type_of_means(value)) for value in values]).tolist()
        return numbers
    return [float(value) for value in values]


def weighted_mean(values: list[float], weights: list[int]) -> float:
    """Mean of values by weights; NaN where there are none."""
    total = sum(weights)
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / total if total else float("nan")


def numbers_of(name: str, value: Any) -> dict[str, float]:
    """Value of a metric: one number, or several by name (a torchmetrics ``MetricCollection``).

    Raises
    ------
    BatchError
        If it is a tensor of several numbers.
    """
    if isinstance(value, Mapping):
        return {key: number for inner, each in value.items() for key, number in numbers_of(str(inner), each).items()}
    if isinstance(value, torch.Tensor) and value.numel() != 1:
        raise BatchError(
            f"The metric {name} gives {value.numel()} numbers, and the table has room for one: take their mean "
            "(torchmetrics: average='macro')."
        )
    return {name: float(value)}


def _detached(value: Any) -> Any:
    return value.detach() if isinstance(value, torch.Tensor) else value
