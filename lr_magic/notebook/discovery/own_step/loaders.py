"""The loader that goes with an own step: the one that its loop goes over, or the loop itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.candidates import Candidate
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
        named = next((c for c in candidates.loaders if c.value is one.goes_over), None)
        if named is not None and not _is_held_out(named):
            return replace(parts, train=named, train_rivals=())
    return parts


def _is_held_out(loader: Candidate) -> bool:
    return any(split_of(name) in {Split.VALID, Split.TEST} for name in loader.names)


def loop_as_loader(followed: Followed) -> Candidate | None:
    """Return the person's own loop as the loader, where a step draws its batches itself."""
    if isinstance(followed.goes_over, (range, list, tuple)):
        return Candidate(followed.goes_over, (followed.loop_text,))
    if followed.goes_over is None and followed.source.function is not None:
        return Candidate([0], (followed.source.name,))
    return None
