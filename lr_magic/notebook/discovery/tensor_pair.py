"""Training data that is two tensors and no loader: ``X_train`` and ``y_train``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from lr_magic.notebook.discovery.candidates import Candidate
from lr_magic.notebook.discovery.words import Split, split_of, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.notebook.discovery.cell_history import CellHistory

_INPUTS = frozenset({"x", "xs", "features", "inputs", "input", "images", "data"})
_TARGETS = frozenset({"y", "ys", "labels", "label", "targets", "target"})
_JOINED = {"xtr": ("x", "train"), "ytr": ("y", "train"), "xtrain": ("x", "train"), "ytrain": ("y", "train")}
_JOINED |= {"trainx": ("x", "train"), "trainy": ("y", "train")}
Values = torch.Tensor | np.ndarray
_LARGEST_FULL_BATCH = 2**20
_BATCH_SIZE = 64


def tensor_pair(tensors: Sequence[Candidate], history: CellHistory) -> Candidate | None:
    """Return a loader over the latest pair of training tensors, as one batch where they are small."""
    pair = named_pair(tensors, history)
    if pair is None:
        return None
    (x_name, inputs), (y_name, target) = pair
    return Candidate(
        _loader(torch.as_tensor(inputs).detach(), torch.as_tensor(target).detach()), (f"({x_name}, {y_name})",)
    )


def named_pair(
    tensors: Sequence[Candidate], history: CellHistory
) -> tuple[tuple[str, Values], tuple[str, Values]] | None:
    """Return the latest pair of training tensors or arrays with their names; ``X, y`` where no name says train."""
    for must_say_train in (True, False):
        pairs = [(x, y) for x in tensors for y in tensors if x is not y and _belong_together(x, y, must_say_train)]
        if pairs:
            inputs, target = max(pairs, key=lambda pair: (_is_torch(pair), *_latest(pair, history)))
            return (inputs.name, inputs.value), (target.name, target.value)
    return None


def _belong_together(inputs: Candidate, target: Candidate, must_say_train: bool) -> bool:
    input_words, target_words = _words(inputs.name), _words(target.name)
    if not (input_words & _INPUTS and target_words & _TARGETS):
        return False
    if must_say_train and "train" not in input_words & target_words:
        return False
    if not must_say_train and (len(input_words) > 1 or len(target_words) > 1):
        return False
    if input_words - _INPUTS != target_words - _TARGETS:
        return False
    shapes = [tuple(candidate.value.shape) for candidate in (inputs, target)]
    return all(shapes) and shapes[0][0] == shapes[1][0] > 0


def _words(name: str) -> set[str]:
    words = {part for word in words_of(name) for part in _JOINED.get(word, (word,))}
    return words | {"train"} if split_of(name) is Split.TRAIN else words


def _is_torch(pair: tuple[Candidate, Candidate]) -> bool:
    return all(isinstance(candidate.value, torch.Tensor) for candidate in pair)


def _latest(pair: tuple[Candidate, Candidate], history: CellHistory) -> tuple[int, int]:
    return max(history.last_assignment(candidate.name) for candidate in pair)


def _loader(inputs: torch.Tensor, target: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]] | DataLoader[object]:
    if inputs.numel() <= _LARGEST_FULL_BATCH:
        return [(inputs, target)]
    return DataLoader(TensorDataset(inputs, target), batch_size=_BATCH_SIZE, shuffle=True)
