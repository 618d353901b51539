"""What an adapter works on: the notebook, the request, and a way to the latest object of a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.discovery.candidates import Candidate
from lr_magic.notebook.discovery.lookup import look_up
from lr_magic.notebook.discovery.typed_line import MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lr_magic.notebook.discovery.candidates import Candidates
    from lr_magic.notebook.discovery.cell_history import CellHistory
    from lr_magic.notebook.discovery.request import DiscoveryRequest


@dataclass(frozen=True)
class Notebook:
    """A notebook as an adapter sees it.

    Attributes
    ----------
    namespace
        Its names.
    request
        What the person typed.
    history
        Its executed cells.
    candidates
        Its models, optimizers and loaders.
    """

    namespace: Mapping[str, object]
    request: DiscoveryRequest
    history: CellHistory
    candidates: Candidates

    def latest(self, *classes: type) -> Candidate | None:
        """Return the object of some classes that was made last; the one that the person typed, if they typed one.

        None where there is none, and where the person typed something else or a loss of their own: the framework's
        way is not wanted then.
        """
        if self.request.loss is not None:
            return None
        if self.request.model is not None:
            asked = look_up(self.request.model, self.namespace, option=MODEL, magic=self.request.magic)
            return Candidate(asked, (self.request.model,)) if isinstance(asked, classes) else None
        found = [Candidate(v, (n,)) for n, v in self.namespace.items() if isinstance(v, classes) and n[:1] != "_"]
        return max(found, key=lambda c: self.history.last_assignment(c.name), default=None)

    def typed(self, text: str | None, option: str) -> Any:
        """Look up what the person typed; None where they typed nothing."""
        return None if text is None else look_up(text, self.namespace, option=option, magic=self.request.magic)
