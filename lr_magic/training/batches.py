"""Moving a batch to a device, counting its samples, and going round a loader again and again."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from types import GeneratorType
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from lr_magic.pure.errors import BatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


Batch = Any  # the person's own type: a tensor, a pair, a dict, an object of theirs


def move(batch: Batch, device: torch.device) -> Batch:
    """Move every tensor in a batch to a device: tensors, mappings, sequences, objects with ``.to``; the rest stays.

    The batch itself comes back where nothing had to be moved.
    """
    if isinstance(batch, torch.Tensor):
        return batch if batch.device == device else batch.to(device, non_blocking=True)
    if type(batch) is list or type(batch) is tuple:
        return _move_sequence(batch, device)
    if not isinstance(batch, _PLAIN) and callable(getattr(batch, "to", None)):
        return batch.to(device)  # PackedSequence, HF's BatchEncoding, torch_geometric's Data, a class of one's own
    if isinstance(batch, Mapping):
        return _move_mapping(batch, device)
    return _move_sequence_of_own_kind(batch, device) if isinstance(batch, (list, tuple)) else batch


_PLAIN = (str, bytes, int, float, type(None))
_SEQUENCES = (list, tuple)


def _move_sequence(batch: list[Any] | tuple[Any, ...], device: torch.device) -> list[Any] | tuple[Any, ...]:
    # Nearly every batch consists of tensors, and nearly every tensor that is there already costs no call.
    moved = [item if type(item) is torch.Tensor and item.device == device else move(item, device) for item in batch]
    if all(map(operator.is_, moved, batch)):
        return batch
    return moved if type(batch) is list else tuple(moved)


def _move_sequence_of_own_kind(batch: list[Any] | tuple[Any, ...], device: torch.device) -> Batch:
    moved = [move(item, device) for item in batch]
    return type(batch)(*moved) if hasattr(batch, "_fields") else type(batch)(moved)  # a named tuple takes them singly


def _move_mapping(batch: Mapping[Any, Any], device: torch.device) -> Mapping[Any, Any]:
    moved = {key: move(value, device) for key, value in batch.items()}
    if all(moved[key] is batch[key] for key in moved):
        return batch
    return moved if type(batch) is dict else type(batch)(moved)  # type: ignore[call-arg]


def count_samples(batch: Batch) -> int:
    """Size of a batch: the first length of the first tensor in it; 1 where there is none."""
    first = batch[0] if type(batch) in _SEQUENCES and batch else batch
    if isinstance(first, torch.Tensor):
        return first.shape[0] if first.ndim else 1
    if isinstance(batch, (list, tuple)):
        parts: Iterable[Any] = batch
    elif isinstance(batch, Mapping):
        parts = batch.values()
    else:
        return 1
    for part in parts:
        if isinstance(part, (torch.Tensor, list, tuple, Mapping)):
            return count_samples(part)
    return 1


def length_of(loader: object) -> int | None:
    """Number of batches of a loader; None where it does not say."""
    try:
        return len(loader)  # type: ignore[arg-type]
    except TypeError:
        return None


class EndOfBatches(Exception):  # noqa: N818 - an event, as StopIteration is one
    """A pass over the loader has ended, or the loader is used up.

    Not StopIteration, which a person's own code may raise by mistake.
    """


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
        self._has_seen_batch = False

    @property
    def num_in_pass(self) -> int:
        """Number of batches drawn in the pass under way."""
        return self._num_in_pass

    def skip(self, num_batches: int) -> None:
        """Begin a pass and let its first batches go by.

        Raises
        ------
        EndOfBatches
            If the pass has fewer.
        """
        for _ in range(num_batches):
            self.next_in_pass()

    def next_in_pass(self) -> Batch:
        """Next batch of the pass under way, on the device.

        Raises
        ------
        EndOfBatches
            Where the pass ends; the next call begins a new one.
        """
        if self._batches is None:
            _forget_dead_workers(self._loader)
            self._batches = iter(self._loader)
            self._num_in_pass = 0
        try:
            batch = next(self._batches)
        except StopIteration:
            self._batches = None
            raise EndOfBatches from None
        self._num_in_pass += 1
        self._has_seen_batch = True
        return move(batch, self._device)

    def next(self) -> Batch:
        """Next batch, beginning a new pass where one ends.

        Raises
        ------
        EndOfBatches
            If a new pass has no batch: the loader is a one-shot iterator and used up.
        BatchError
            If the very first pass has no batch.
        """
        try:
            return self.next_in_pass()
        except EndOfBatches:
            self.refuse_if_empty()
            if self._num_in_pass == 0:
                raise
        return self.next_in_pass()

    def refuse_if_empty(self) -> None:
        """Raise BatchError if the loader has not yielded a single batch so far."""
        if not self._has_seen_batch:
            raise BatchError(
                "The loader yields no batch. Is its dataset empty, is the batch larger than the dataset with "
                "drop_last=True, or is it a generator that is used up?"
            )

    def close(self) -> None:
        """Let go of the pass under way and end its worker processes."""
        batches, self._batches = self._batches, None
        # A traceback may keep the iterator alive for long; its workers and open files must not outlive the run.
        if isinstance(batches, GeneratorType) and batches is not self._loader:
            batches.close()
        shutdown = getattr(batches, "_shutdown_workers", None)
        is_persistent = getattr(self._loader, "_iterator", None) is batches
        if callable(shutdown) and not is_persistent:
            shutdown()


def _forget_dead_workers(loader: Any) -> None:
    """Let a loader make new worker processes where an interrupt, which reaches them, too, has ended those it keeps."""
    iterator: Any = getattr(loader, "_iterator", None) if isinstance(loader, DataLoader) else None
    if not all(worker.is_alive() for worker in getattr(iterator, "_workers", ())):
        iterator._shutdown_workers()  # noqa: SLF001
        loader._iterator = None  # noqa: SLF001 - where DataLoader keeps its workers
