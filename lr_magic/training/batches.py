"""Moving a batch to a device, counting its samples, and going round a loader again and again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.pure.errors import BatchError

if TYPE_CHECKING:
    from collections.abc import Iterable


def move(batch: Any, device: torch.device) -> Any:
    """Move every tensor in a batch to a device: tensors, mappings, sequences, objects with ``.to``; the rest stays.

    The batch itself comes back where nothing had to be moved.
    """
    if isinstance(batch, torch.Tensor):
        return batch if batch.device == device else batch.to(device, non_blocking=True)
    if isinstance(batch, (str, bytes, int, float)) or batch is None:
        return batch
    if isinstance(batch, Mapping):
        return _move_mapping(batch, device)
    if isinstance(batch, (list, tuple)):
        return _move_sequence(batch, device)
    # A person's own batch class, HF's BatchEncoding, torch_geometric's Data, PackedSequence
    return batch.to(device) if callable(getattr(batch, "to", None)) else batch


def _move_sequence(batch: list[Any] | tuple[Any, ...], device: torch.device) -> Any:
    moved = [move(item, device) for item in batch]
    if all(new is old for new, old in zip(moved, batch, strict=True)):
        return batch
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*moved)
    if hasattr(batch, "data") and callable(getattr(batch, "to", None)):
        return batch.to(device)  # PackedSequence is a tuple whose parts must agree
    return type(batch)(moved)


def _move_mapping(batch: Mapping[Any, Any], device: torch.device) -> Any:
    if callable(getattr(batch, "to", None)):
        return batch.to(device)
    moved = {key: move(value, device) for key, value in batch.items()}
    if all(moved[key] is batch[key] for key in batch):
        return batch
    return moved if type(batch) is dict else type(batch)(moved)  # type: ignore[call-arg]


def count_samples(batch: Any) -> int:
    """Size of a batch: the first length of the first tensor in it; 1 where there is none."""
    if isinstance(batch, torch.Tensor):
        return batch.shape[0] if batch.ndim else 1
    if isinstance(batch, Mapping):
        parts: Iterable[Any] = batch.values()
    elif isinstance(batch, (list, tuple)):
        parts = batch
    else:
        return 1
    first = next((part for part in parts if isinstance(part, (torch.Tensor, Mapping, list, tuple))), None)
    return 1 if first is None else count_samples(first)


def length_of(loader: Any) -> int | None:
    """Number of batches of a loader; None where it does not say."""
    try:
        return len(loader)
    except TypeError:
        return None


class BatchSource:
    """Goes round a loader, pass after pass, and says where a pass ends.

    Parameters
    ----------
    loader
        Anything that can be iterated; a one-shot iterator ends after one pass.
    device
        Where the batches go.
    """

    def __init__(self, loader: Iterable[Any], device: torch.device) -> None:
        self._loader = loader
        self._device = device
        self._batches: Iterator[Any] | None = None
        self._num_in_pass = 0
        self._num_seen = 0

    def next_in_pass(self) -> Any:
        """Next batch of the pass under way, on the device.

        Raises
        ------
        StopIteration
            Where the pass ends; the next call begins a new one.
        """
        if self._batches is None:
            self._batches = iter(self._loader)
            self._num_in_pass = 0
        try:
            batch = next(self._batches)
        except StopIteration:
            self._batches = None
            raise
        self._num_in_pass += 1
        self._num_seen += 1
        return move(batch, self._device)

    def next(self) -> Any:
        """Next batch, beginning a new pass where one ends.

        Raises
        ------
        StopIteration
            If a new pass has no batch: the loader is a one-shot iterator and used up.
        BatchError
            If the very first pass has no batch.
        """
        try:
            return self.next_in_pass()
        except StopIteration:
            if self._num_in_pass == 0:
                self.refuse_if_empty()
                raise
        return self.next()

    def refuse_if_empty(self) -> None:
        """Raise BatchError if the loader has not yielded a single batch so far."""
        if self._num_seen == 0:
            raise BatchError(
                "The loader yields no batch. Is its dataset empty, is the batch larger than the dataset with "
                "drop_last=True, or is it a generator that is used up?"
            )

    def close(self) -> None:
        """Let go of the pass under way and end its worker processes."""
        batches, self._batches = self._batches, None
        # A traceback may keep the iterator alive for long; its workers must not outlive the run.
        shutdown = getattr(batches, "_shutdown_workers", None)
        if callable(shutdown):
            shutdown()
