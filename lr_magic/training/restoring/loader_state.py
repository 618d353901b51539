"""A loader as it was: its samplers, its generators, what it counts, and its idle worker processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler

from lr_magic.training.restoring.held_iterator import HeldPlaces
from lr_magic.training.restoring.kept_states import DictState
from lr_magic.training.restoring.object_state import ObjectWalk

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

# Tensors of samplers up to this size, in bytes, count as their state; larger ones are data.
_LARGEST_TENSOR = 1 << 20
# What torchdata's loader remembers once it was asked for its state: to go on with the iterator that was made for that.
_ASKED_FOR_STATE = "_initial_iter_for_state_dict"
# They hold no list of their own that could be changed, as `SubsetRandomSampler` does.
_PLAIN_SAMPLERS = {BatchSampler, SequentialSampler, RandomSampler}
# A dataset's list of files is longer than this; what it consists of is not searched.
_LONGEST_SEARCHED = 1_000


class LoaderState:
    """What `put_back` gives back to one loader. The samples themselves (a dataset's tensors) are not state.

    Parameters
    ----------
    loader
        Anything that can be iterated.
    keep_tensor
        Called with each small tensor that belongs to a sampler.
    """

    def __init__(self, loader: Any, keep_tensor: Callable[[torch.Tensor], None]) -> None:
        self._is_one_shot = hasattr(loader, "__next__")
        self._workers = IdleWorkers(loader)
        samplers, rest = _samplers_of(loader, keep_tensor), _rest_of(loader, self._workers)
        self._kept = [*samplers.kept, *rest.kept]
        self._held = _held_in(samplers)
        self._num_forward_only = len(samplers.iterators) - len(self._held) + len(rest.iterators)

    @property
    def note(self) -> str:
        """What cannot be put back, in words; empty if all can."""
        if self._is_one_shot:
            return "a one-shot iterator does not give its batches again"
        if self._num_forward_only:
            return "an iterator that the loader, its sampler or its dataset holds cannot go back"
        if self._held:
            return "an iterator that a sampler holds gives its items again, from a copy of them"
        return ""

    def set_aside(self) -> None:
        """Take off the loader's idle workers and its samplers' iterators, so that a run has its own."""
        self._workers.set_aside()
        for held in self._held:
            held.set_aside()

    def put_back(self) -> bool:
        """Make the loader what it was; whether it is."""
        self._workers.put_back()
        num_failed = sum(not kept.put_back() for kept in self._kept)
        for held in self._held:
            held.put_back()
        return num_failed == 0


def _samplers_of(loader: Any, keep_tensor: Callable[[torch.Tensor], None]) -> ObjectWalk:
    def keep_small(tensor: torch.Tensor) -> None:
        if tensor.numel() * tensor.element_size() <= _LARGEST_TENSOR:
            keep_tensor(tensor)

    walk = ObjectWalk(keep_small, longest_searched=_LONGEST_SEARCHED)
    # A sampler may know its dataset, which is looked at below without its tensors.
    walk.leave_out(getattr(loader, "dataset", None))
    for sampler in (getattr(loader, "batch_sampler", None), getattr(loader, "sampler", None)):
        if sampler is not None:
            walk.add(sampler)
    return walk


def _held_in(walk: ObjectWalk) -> list[HeldPlaces]:
    """Where the iterators that a walk found are held, as far as they are held by name."""
    dicts = [kept for kept in walk.kept if isinstance(kept, DictState)] if walk.iterators else []
    held = []
    for iterator in walk.iterators:
        places = [(each.content, key) for each in dicts for key, value in each.items if value is iterator]
        if places:
            held.append(HeldPlaces(iterator, places))
    return held


def _rest_of(loader: Any, workers: IdleWorkers) -> ObjectWalk:
    walk = ObjectWalk(None, longest_searched=_LONGEST_SEARCHED)
    for known in (workers.iterator, getattr(loader, "batch_sampler", None), getattr(loader, "sampler", None)):
        walk.leave_out(known)
    walk.add(loader)
    return walk


def _has_plain_order(loader: Any) -> bool:
    """Whether all samplers are torch's plain ones, which keep nothing beside their generators."""
    batch_sampler = getattr(loader, "batch_sampler", None)
    samplers = (batch_sampler, getattr(batch_sampler, "sampler", None), getattr(loader, "sampler", None))
    return all(type(sampler) in _PLAIN_SAMPLERS for sampler in samplers)


class OrderState:
    """What decides a loader's order of the data: its samplers; of a loader that is none of torch's, all but its data.

    Random numbers are not part of it, see `random_content`.

    Parameters
    ----------
    loader
        Anything that can be iterated.
    """

    def __init__(self, loader: Any) -> None:
        if _has_plain_order(loader):
            self._kept = []
        elif isinstance(loader, DataLoader):
            self._kept = _samplers_of(loader, lambda _: None).kept
        else:
            walk = ObjectWalk(None, longest_searched=_LONGEST_SEARCHED)
            walk.leave_out(getattr(loader, "dataset", None))
            walk.add(loader)
            self._kept = walk.kept

    def put_back(self) -> None:
        """Let the next pass have the order that it would have had then."""
        for kept in self._kept:
            kept.put_back()


class IdleWorkers:
    """Idle worker processes of a loader with ``persistent_workers``: a run gets fresh ones, its own.

    The random state inside a worker process cannot be read, so the person's workers must not be used at all.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self.iterator = getattr(loader, "_iterator", None) if isinstance(loader, DataLoader) else None

    def set_aside(self) -> None:
        """Take the workers off the loader."""
        if self.iterator is not None:
            self._loader._iterator = None  # noqa: SLF001 - where DataLoader keeps its workers
            if hasattr(self._loader, _ASKED_FOR_STATE):
                setattr(self._loader, _ASKED_FOR_STATE, False)

    def put_back(self) -> None:
        """End the run's workers and give the loader its own ones back."""
        current = getattr(self._loader, "_iterator", None) if isinstance(self._loader, DataLoader) else None
        if current is not None and current is not self.iterator:
            shutdown = getattr(current, "_shutdown_workers", None)
            if callable(shutdown):
                shutdown()
        if current is not self.iterator:
            self._loader._iterator = self.iterator  # noqa: SLF001
