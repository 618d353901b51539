"""Metrics by name: those of torchmetrics where it is installed, else two of our own."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.pure.errors import SettingError
from lr_magic.training.class_scores import ClassScores, ClassTask, ScoreReader
from lr_magic.training.epoch_metrics import MetricUpdate

if TYPE_CHECKING:
    from collections.abc import Callable

_BUILT_IN = ("accuracy", "error_rate")
# What people type, by the name of the class in torchmetrics.
_SHORT = {
    "f1": "f1score",
    "mae": "meanabsoluteerror",
    "mse": "meansquarederror",
    "r2": "r2score",
    "mcc": "matthewscorrcoef",
}


def named_metric(name: str, *, are_logits: bool | None = None) -> Callable[[Any, Any], MetricUpdate]:
    """Find a metric by its name: a function of a batch's output and target that says what the epoch is to do with them.

    Parameters
    ----------
    name
        ``accuracy``, ``error_rate``; with torchmetrics installed also any classification or regression metric of its
        that has to be told no more than its task and the number of classes, which the first batch says: ``f1``,
        ``AUROC``, ``mean_absolute_error``. Its other settings are its own defaults.
    are_logits
        See `ScoreReader`.

    Raises
    ------
    SettingError
        For an unknown name.
    """
    kinds = _library_kinds()
    wanted = name.replace("_", "").lower()
    kind = kinds.get(_SHORT.get(wanted, wanted))
    if kind is None and name not in _BUILT_IN:
        raise SettingError(f"There is no metric {name!r}. {_way_out(wanted, kinds)}")
    if kind is None:
        return BuiltInMetric(name, ScoreReader(are_logits=are_logits))
    if _is_of_classes(kind):
        return LibraryClassMetric(kind, ScoreReader(are_logits=are_logits))
    return LibraryRegressionMetric(kind)


class BuiltInMetric:
    """``accuracy`` or ``error_rate`` without torchmetrics."""

    def __init__(self, name: str, reader: ScoreReader) -> None:
        self._metric = ShareOfTargets(is_of_wrong_ones=name == "error_rate")
        self._reader = reader

    def __call__(self, output: torch.Tensor, target: torch.Tensor) -> MetricUpdate:
        """Read a batch; nothing is taken in yet."""
        return MetricUpdate(self._metric, (((self._reader.read(output, target),), {}),))


class ShareOfTargets:
    """Fraction of the targets that are predicted, or are not, 0 to 1, over an epoch; padding does not count."""

    def __init__(self, *, is_of_wrong_ones: bool) -> None:
        self._is_of_wrong_ones = is_of_wrong_ones
        self._found: list[torch.Tensor] = []
        self._counted: list[torch.Tensor] = []

    def reset(self) -> None:
        """Forget all batches."""
        self._found, self._counted = [], []

    def update(self, scores: ClassScores) -> None:
        """Take in a batch; its numbers stay on the device."""
        is_found = scores.is_right ^ self._is_of_wrong_ones
        self._found.append((is_found & scores.is_counted).sum())
        self._counted.append(scores.is_counted.sum())

    def compute(self) -> torch.Tensor:
        """Fraction over all batches, 0-d."""
        return torch.stack(self._found).sum() / torch.stack(self._counted).sum()


class LibraryClassMetric:
    """A classification metric of torchmetrics, made at the first batch: only that says its task and classes."""

    def __init__(self, kind: type, reader: ScoreReader) -> None:
        self._kind = kind
        self._reader = reader
        self._metric: Any = None

    def __call__(self, output: torch.Tensor, target: torch.Tensor) -> MetricUpdate:
        """Read a batch; nothing is taken in yet."""
        scores = self._reader.read(output, target)
        if self._metric is None:
            self._metric = _made(self._kind, task=scores.task.value, **_number_of(scores)).to(output.device)
        values, wanted = scores.probabilities, scores.target
        if scores.task is ClassTask.MULTICLASS:
            values, wanted = values[scores.is_counted], wanted[scores.is_counted]
        return MetricUpdate(self._metric, (((values, wanted), {}),))


class LibraryRegressionMetric:
    """A regression metric of torchmetrics."""

    def __init__(self, kind: type) -> None:
        self._metric = _made(kind)

    def __call__(self, output: torch.Tensor, target: torch.Tensor) -> MetricUpdate:
        """Read a batch; nothing is taken in yet."""
        values = output.detach()
        values = values.reshape(target.shape) if values.numel() == target.numel() else values
        return MetricUpdate(self._metric.to(output.device), (((values, target), {}),))


def _made(kind: type, **settings: Any) -> Any:
    try:
        return kind(**settings)
    except (TypeError, ValueError) as error:
        raise SettingError(
            f"{kind.__name__} has to be told more than a batch says ({error}). Make one of your own, "
            f"m = torchmetrics.{kind.__name__}(…), and give its name: --metric m"
        ) from None


def _number_of(scores: ClassScores) -> dict[str, int]:
    if scores.task is ClassTask.BINARY:
        return {}
    return {"num_classes" if scores.task is ClassTask.MULTICLASS else "num_labels": scores.num_classes}


def _library_kinds() -> dict[str, type]:
    """Metrics of torchmetrics by their names in small letters; none where it is not installed."""
    try:
        import torchmetrics  # noqa: PLC0415 - optional, and slow to import
    except ImportError:
        return {}
    homes = ("torchmetrics.classification.", "torchmetrics.regression.")
    values = [value for value in vars(torchmetrics).values() if isinstance(value, type)]
    return {value.__name__.lower(): value for value in values if value.__module__.startswith(homes)}


def _is_of_classes(kind: type) -> bool:
    return kind.__module__.startswith("torchmetrics.classification.")


def _way_out(wanted: str, kinds: dict[str, type]) -> str:
    if not kinds:
        return f"Built in are {' and '.join(_BUILT_IN)}; with torchmetrics installed, its metrics, too."
    near = difflib.get_close_matches(wanted, [*kinds, *_SHORT, *_BUILT_IN], n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"Give a name of this notebook, {' or '.join(_BUILT_IN)}, or a metric of torchmetrics.{hint}"
