"""Which loader is trained on, and which one is for validation; data that was held out is never trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lr_magic.notebook.discovery import questions
from lr_magic.notebook.discovery.candidates import Candidate
from lr_magic.notebook.discovery.describe import length_of
from lr_magic.notebook.discovery.lookup import look_up
from lr_magic.notebook.discovery.near_names import yields_batches
from lr_magic.notebook.discovery.words import Split, split_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lr_magic.notebook.discovery.candidates import Candidates
    from lr_magic.notebook.discovery.cell_history import CellHistory
    from lr_magic.notebook.discovery.request import DiscoveryRequest


def asked_loader(
    text: str, option: str, namespace: Mapping[str, object], candidates: Candidates, magic: str
) -> Candidate:
    """Look up the loader that the person named; refuses what is not one."""
    value = look_up(text, namespace, option=option, magic=magic)
    if isinstance(value, Iterator):
        split = Split.TRAIN if option == "--train" else Split.VALID
        loader = next((c.name for c in candidates.loaders if split_of(c.name) is split), None)
        raise questions.live_iterator(text, option, magic, loader)
    if not yields_batches(value):
        raise questions.not_a("a loader that yields batches", text, value, option, magic)
    return checked(Candidate(value, (text,)), option, magic)


def checked(loader: Candidate, option: str, magic: str) -> Candidate:
    """Refuse a loader that yields nothing or that can be gone through once only."""
    if length_of(loader.value) == 0:
        raise questions.empty_loader(loader.name, option, magic)
    return loader


@dataclass(frozen=True)
class TrainChoice:
    """The training loader, and others that could be meant as well: only the person's own loop settles that."""

    loader: Candidate
    rivals: tuple[Candidate, ...] = ()


def train_loader(
    candidates: Candidates, request: DiscoveryRequest, namespace: Mapping[str, object], history: CellHistory
) -> Candidate | None:
    """Choose the training loader as `train_choice` does; rivals are asked about."""
    choice = train_choice(candidates, request, namespace, history)
    if choice is not None and choice.rivals:
        raise questions.several_loaders([c.name for c in (choice.loader, *choice.rivals)], request.magic)
    return choice.loader if choice is not None else None


def train_choice(
    candidates: Candidates, request: DiscoveryRequest, namespace: Mapping[str, object], history: CellHistory
) -> TrainChoice | None:
    """Choose the training loader: named train, the latest of them; else the latest that no word keeps apart.

    None where the notebook has no loader at all. Loaders without such a word that were made in one cell are rivals: a
    source and a target, say.
    """
    if request.train is not None:
        return TrainChoice(asked_loader(request.train, "--train", namespace, candidates, request.magic))
    if not candidates.loaders:
        if trained := [c for c in candidates.iterators if split_of(c.name) is Split.TRAIN]:
            raise questions.live_iterator(trained[0].name, "--train", request.magic)
        return None
    for split in (Split.TRAIN, Split.UNLABELLED):
        if fitting := [c for c in candidates.loaders if _promises(c, split)]:
            latest = _latest(fitting, history, by_cell=split is Split.UNLABELLED)
            return TrainChoice(checked(latest[-1], "--train", request.magic), tuple(latest[:-1]))
    raise questions.only_held_out([c.name for c in candidates.loaders], request.magic)


def valid_loader(
    candidates: Candidates, request: DiscoveryRequest, namespace: Mapping[str, object], history: CellHistory
) -> Candidate | None:
    """Choose the validation loader by its name; data called test is only offered, never taken."""
    if request.valid is not None:
        return asked_loader(request.valid, "--valid", namespace, candidates, request.magic)
    named = [c for c in candidates.loaders if _promises(c, Split.VALID) and length_of(c.value) != 0]
    return max(named, key=lambda c: history.last_assignment(c.name), default=None)


def test_loader(candidates: Candidates) -> Candidate | None:
    """Return data called test, to be offered for validation where there is no other."""
    return next((c for c in reversed(candidates.loaders) if _promises(c, Split.TEST)), None)


def _promises(loader: Candidate, split: Split) -> bool:
    splits = {split_of(name) for name in loader.names}
    held_out = splits & {Split.VALID, Split.TEST}
    if split is Split.TRAIN:
        return Split.TRAIN in splits and not held_out
    if split is Split.UNLABELLED:
        return splits == {Split.UNLABELLED}
    return split in splits


def _latest(loaders: Sequence[Candidate], history: CellHistory, *, by_cell: bool) -> list[Candidate]:
    """Return the loaders of the latest cell, or of its latest line."""
    moments = {c.name: history.last_assignment(c.name) for c in loaders}
    newest = max(moments.values())
    return [c for c in loaders if (moments[c.name][0] == newest[0] if by_cell else moments[c.name] == newest)]
