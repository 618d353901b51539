"""Which own step is meant where several work: they agree, or the one that was used last, or a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.typed_line import cell_magic
from lr_magic.pure.errors import DiscoveryError

if TYPE_CHECKING:
    from lr_magic.notebook.discovery.cell_history import CellHistory
    from lr_magic.notebook.discovery.own_step.choose import OwnSteps, Tried


def the_own_step(steps: OwnSteps, history: CellHistory, magic: str) -> Tried:
    """Return the step to take.

    Raises
    ------
    DiscoveryError
        If two steps give different losses and the cells do not show which one is in use.
    """
    first, *others = steps.working
    if steps.agree() or _was_used(first, history):
        return first
    names = " and ".join(f"`{tried.followed.source.name}`" for tried in [first, *others][:3])
    raise DiscoveryError(
        f"{names} compute different losses for one batch, and none was run yet.\n"
        f"→ `{cell_magic(magic)}` above the cell that trains, or `%{magic} --loss EXPR`."
    )


def _was_used(tried: Tried, history: CellHistory) -> bool:
    source = tried.followed.source
    if source.function is None:
        return True
    return any(next(history.calls(name), None) is not None for name in source.called)
