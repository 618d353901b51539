"""The loader that goes with an own step: the one that its loop goes over, or the loop itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.discovery.candidates import Candidate
from lr_magic.notebook.discovery.own_step.several_loaders import SeveralLoaders
from lr_magic.notebook.discovery.words import Split, split_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.notebook.discovery.candidates import Candidates
    from lr_magic.notebook.discovery.own_step.follow import Followed
    from lr_magic.notebook.discovery.parts import Parts
    from lr_magic.notebook.discovery.request import DiscoveryRequest


def loader_of_own_step(
    parts: Parts, followed: Sequence[Followed], candidates: Candidates, request: DiscoveryRequest
) -> Parts:
    """Prefer the loader that the latest own step goes over, unless one was typed; never data that was held out."""
    if request.train is not None:
        return parts
    for one in followed:
        if one.goes_over is None or isinstance(one.goes_over, (range, list, tuple)):
            continue
        named = [_named(loader, candidates) for loader in each_of(one.goes_over)]
        if all(loader is not None and not _is_held_out(loader) for loader in named):
            found = named[0] if len(named) == 1 else Candidate(one.goes_over, (one.loop_text,))
            return replace(parts, train=found, train_rivals=())
    return parts


def each_of(goes_over: object) -> tuple[Any, ...]:
    """Return the loaders that a loop goes over: one, or several at once."""
    return goes_over.loaders if isinstance(goes_over, SeveralLoaders) else (goes_over,)


def _named(loader: object, candidates: Candidates) -> Candidate | None:
    return next((c for c in candidates.loaders if c.value is loader), None)


def _is_held_out(loader: Candidate) -> bool:
    return any(split_of(name) in {Split.VALID, Split.TEST} for name in loader.names)


def loop_as_loader(followed: Followed) -> Candidate | None:
    """Return the person's own loop as the loader, where a step draws its batches itself."""
    if isinstance(followed.goes_over, (range, list, tuple)):
        return Candidate(followed.goes_over, (followed.loop_text,))
    if followed.goes_over is None and followed.source.function is not None:
        return Candidate([0], (followed.source.name,))
    return None
