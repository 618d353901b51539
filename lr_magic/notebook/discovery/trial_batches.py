"""A few batches of a loader to try readings on, drawn in this process; call it inside a restore."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, IterableDataset

from lr_magic.notebook.discovery import questions
from lr_magic.pure.errors import DiscoveryError

if TYPE_CHECKING:
    from lr_magic.notebook.discovery.candidates import Candidate

NUM_TRIAL_BATCHES = 4
_ENOUGH_S = 2.0


def draw_trial_batches(loader: Candidate, magic: str, *, limit: int = NUM_TRIAL_BATCHES) -> list[Any]:
    """Draw up to ``limit`` batches, fewer where they are slow to come.

    Random numbers and sampler state move on; the caller restores them. An error of the person's data set keeps its
    traceback.
    """
    batches: list[Any] = []
    started = time.monotonic()
    for batch in islice(_batches_of(loader.value), limit):
        batches.append(batch)
        if time.monotonic() - started > _ENOUGH_S:
            break
    if not batches:
        raise DiscoveryError(f"`{loader.name}` yields no batch. → `%{magic} --train NAME`.")
    return batches


def refuse_live_iterator(loader: Candidate, magic: str) -> None:
    """Refuse an object that is its own iterator: drawing from it would use it up."""
    if isinstance(loader.value, Iterator):
        raise questions.live_iterator(loader.name, "--train", magic)


def _batches_of(loader: Any) -> Iterator[Any]:
    if _is_plain(loader):
        return _without_workers(loader)
    return iter(loader)


def _is_plain(loader: object) -> bool:
    """Tell whether a torch loader has workers, which take seconds to start, and an iteration that nobody overrode."""
    return isinstance(loader, DataLoader) and type(loader).__iter__ is DataLoader.__iter__ and loader.num_workers > 0


def _without_workers(loader: DataLoader[Any]) -> Iterator[Any]:
    """Yield what workers would have collated."""
    # A loader of the same parts, in this process. Its sampler is the person's own; the caller restores its state.
    parts: dict[str, Any] = {"collate_fn": loader.collate_fn, "generator": loader.generator}
    if isinstance(loader.dataset, IterableDataset):
        return iter(DataLoader(loader.dataset, batch_size=loader.batch_size, drop_last=loader.drop_last, **parts))
    if loader.batch_sampler is None:
        return iter(DataLoader(loader.dataset, batch_size=None, sampler=loader.sampler, **parts))
    return iter(DataLoader(loader.dataset, batch_sampler=loader.batch_sampler, **parts))
