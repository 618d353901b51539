"""What scores and targets of a batch say about classes: which kind of question it is, and what was predicted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import torch

from lr_magic.pure.errors import BatchError

if TYPE_CHECKING:
    from collections.abc import Sequence


class ClassTask(StrEnum):
    """The three kinds of questions; the values are torchmetrics' words for them."""

    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    BINARY = "binary"


@dataclass(frozen=True)
class ClassScores:
    """Probabilities and targets of a batch, one row per item.

    Attributes
    ----------
    task
        Kind of question.
    probabilities
        (M, C) for several classes or labels, (M,) for yes or no.
    target
        Class indices (M,), int64, those below 0 being padding; or 0 and 1 in the shape of the probabilities.
    """

    task: ClassTask
    probabilities: torch.Tensor
    target: torch.Tensor

    @property
    def num_classes(self) -> int:
        """Number of classes, or of labels; 2 for yes or no."""
        return self.probabilities.shape[1] if self.probabilities.ndim > 1 else 2

    @property
    def is_counted(self) -> torch.Tensor:
        """Whether each target is one, and no padding; bool in the shape of the target."""
        return self.target >= 0

    @property
    def is_right(self) -> torch.Tensor:
        """Whether each target is predicted, bool in the shape of the target."""
        if self.task is ClassTask.MULTICLASS:
            return self.probabilities.argmax(1) == self.target
        return (self.probabilities > 0.5) == self.target.bool()


@dataclass(frozen=True)
class _Reading:
    """How outputs and targets are read: told from one batch, kept for all of them."""

    task: ClassTask
    class_dim: int | None = None
    is_one_hot: bool = False
    is_activated: bool = False


class ScoreReader:
    """Reads batches as scores of classes, all of them as the first one.

    Several classes: output (N, C, …) or (N, …, C), target (N, …) of class indices, or one-hot in the output's shape;
    targets below 0 (torch's usual padding, -100) do not count. Labels: output and target (N, L, …), each 0 or 1. Yes or
    no: output (N, …) or with one further dimension of size 1, target (N, …) of 0 and 1.

    Parameters
    ----------
    are_logits
        From a loss of labels, or of yes or no: True, an output above 0 means yes; False, one above 0.5. None tells by
        the first batch: scores all within 0 to 1 are probabilities, and a 1 in each row of the target is one-hot.
    """

    def __init__(self, *, are_logits: bool | None = None) -> None:
        self._are_logits = are_logits
        self._reading: _Reading | None = None

    def read(self, output: torch.Tensor, target: torch.Tensor) -> ClassScores:
        """Read a batch.

        Raises
        ------
        BatchError
            If the shapes are none of the above, or the targets no classes.
        """
        scores = _without_single(output.detach().float(), target)
        if self._reading is None:
            self._reading = _reading_of(scores, target, self._are_logits)
        reading = self._reading
        if reading.task is ClassTask.MULTICLASS:
            indices = target.argmax(reading.class_dim) if reading.is_one_hot else target
            rows = _rows(scores, reading.class_dim or 0)
            rows = rows if reading.is_activated else rows.softmax(1)
            return ClassScores(reading.task, rows, indices.reshape(-1).long())
        probabilities = scores if reading.is_activated else scores.sigmoid()
        if reading.task is ClassTask.MULTILABEL:
            return ClassScores(reading.task, _rows(probabilities, 1), _rows(target, 1).long())
        return ClassScores(reading.task, probabilities.reshape(-1), target.reshape(-1).long())


def _without_single(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    is_single = scores.ndim == target.ndim + 1 and scores.shape[-1] == 1
    return scores.squeeze(-1) if is_single else scores


def _rows(values: torch.Tensor, dim: int) -> torch.Tensor:
    return values.movedim(dim, -1).reshape(-1, values.shape[dim])


def _reading_of(scores: torch.Tensor, target: torch.Tensor, are_logits: bool | None) -> _Reading:
    if scores.shape == target.shape:
        return _elementwise(scores, target, are_logits)
    class_dim = _class_dim(scores.shape, target.shape)
    if class_dim is None or target.is_floating_point():
        raise BatchError(
            "A metric of classes needs scores (N, C) and class indices (N,), or scores and targets of 0 and 1 in one "
            f"shape; the output is {tuple(scores.shape)} and the target {tuple(target.shape)}, {target.dtype}."
        )
    return _Reading(ClassTask.MULTICLASS, class_dim, is_activated=_sum_to_one(_rows(scores, class_dim)))


def _class_dim(scores: Sequence[int], target: Sequence[int]) -> int | None:
    """Dimension of the classes: the second one, as torch's losses have it, else the last one."""
    for dim in (1, len(scores) - 1):
        if len(scores) > dim > 0 and [*scores[:dim], *scores[dim + 1 :]] == list(target):
            return dim
    return None


def _elementwise(scores: torch.Tensor, target: torch.Tensor, are_logits: bool | None) -> _Reading:
    if not bool(((target == 0) | (target == 1)).all()):
        raise BatchError("A metric of classes needs class indices, or targets of 0 and 1; these targets are neither.")
    has_columns = scores.ndim > 1 and scores.shape[1] > 1
    if has_columns and are_logits is None and bool((target.sum(1) == 1).all()):
        return _Reading(ClassTask.MULTICLASS, 1, is_one_hot=True, is_activated=_sum_to_one(_rows(scores, 1)))
    if are_logits is None:
        are_logits = not bool(((scores >= 0) & (scores <= 1)).all())
    return _Reading(ClassTask.MULTILABEL if has_columns else ClassTask.BINARY, is_activated=not are_logits)


def _sum_to_one(rows: torch.Tensor) -> bool:
    sums = rows.sum(1)
    return bool((rows >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-3)
