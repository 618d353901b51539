"""Which of the person's own steps it is: those that can be followed and work are tried on one batch and compared."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.discovery.attempts import Failure, attempt, why_not_a_loss
from lr_magic.notebook.discovery.own_step.follow import Followed, follow
from lr_magic.notebook.discovery.own_step.names import reads
from lr_magic.notebook.discovery.own_step.roles import bindings
from lr_magic.notebook.discovery.own_step.staleness import is_stale
from lr_magic.notebook.discovery.own_step.step_source import StepSource, step_sources
from lr_magic.training.restoring.random_state import GlobalRandomState

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from lr_magic.notebook.discovery.candidates import Candidates
    from lr_magic.notebook.discovery.cell_history import CellHistory
    from lr_magic.notebook.discovery.own_step.roles import Cast
    from lr_magic.notebook.discovery.wiring import Wiring


TRIED = "tried, it did not work: "


@dataclass(frozen=True)
class Tried:
    """An own step that works, with its loss on the trial batch."""

    followed: Followed
    loss: float


@dataclass
class OwnSteps:
    """What became of the person's own steps.

    Attributes
    ----------
    working
        Steps whose loss can be trained on, the latest first.
    stale
        Such steps from cells that ran before their model was written anew.
    unfollowed
        Sources that could not be followed, with the reason: they may hold the step all the same.
    """

    working: list[Tried] = field(default_factory=list)
    stale: list[Tried] = field(default_factory=list)
    unfollowed: list[tuple[StepSource, str]] = field(default_factory=list)

    def relevant(self, wiring: Wiring, cast: Cast, history: CellHistory) -> tuple[str, str] | None:
        """Return name and reason of a source that was not followed and is about what is trained.

        A function that was tried in vain may be about another model; a cell that ran with this one is not.
        """
        for source, reason in self.unfollowed:
            is_other = reason.startswith(TRIED) and (source.function is not None or is_stale(source, wiring, history))
            if not is_other and _concerns(source, wiring, cast, history):
                return source.name, reason
        return None

    def set_stale_aside(self, wiring: Wiring, history: CellHistory) -> None:
        """Move the steps of cells whose model is gone from `working` to `stale`."""
        self.stale = [tried for tried in self.working if is_stale(tried.followed.source, wiring, history)]
        self.working = [tried for tried in self.working if tried not in self.stale]

    def differing(self, loss: float) -> str | None:
        """Return the name of a stale step that gives another loss than the one that was guessed."""
        return next((t.followed.source.name for t in self.stale if not _agree(t.loss, loss)), None)

    def agree(self) -> bool:
        """Tell whether every working step gives one loss."""
        losses = [tried.loss for tried in self.working]
        return all(_agree(loss, losses[0]) for loss in losses)


def _concerns(source: StepSource, wiring: Wiring, cast: Cast, history: CellHistory) -> bool:
    """Tell whether a source trains what is trained: by name, as a parameter, or as what its object holds."""
    if not source.trains:
        return False
    trained = [c for c in (wiring.model, wiring.optimizer) if c is not None]
    names = {re.split(r"[.\[]", name)[0] for candidate in trained for name in candidate.names}
    if any(reads(statement) & names for statement in source.body):
        return True
    given = {} if source.function is None else bindings(source.function, cast, history, owner=source.owner)
    held = {} if source.owner is None else vars(source.owner)
    return any(value is each.value for value in (*given.values(), *held.values()) for each in trained)


def _agree(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-5 * max(1.0, abs(other))


def follow_sources(
    candidates: Candidates, cast: Cast, history: CellHistory, loaders: list[Any]
) -> tuple[list[Followed], OwnSteps]:
    """Follow every source of the notebook; those that cannot be are kept with their reason."""
    followed, steps = [], OwnSteps()
    # what runs once before a loop may draw random numbers
    random = GlobalRandomState()
    for source in step_sources(candidates, history, cast.namespace):
        result = follow(source, cast, history, loaders)
        if isinstance(result, Followed):
            followed.append(result)
        else:
            steps.unfollowed.append((source, result.reason))
    random.put_back()
    return followed, steps


def try_own_steps(
    followed: Sequence[Followed], batches: Sequence[Any], parameters: Sequence[torch.Tensor], steps: OwnSteps
) -> OwnSteps:
    """Run every followed step on the trial batches, each from the same random numbers."""
    for one in followed:
        random = GlobalRandomState()
        step = one.step.fresh()
        losses = [_loss(step, batch, parameters) for batch in batches]
        random.put_back()
        numbers = [loss for loss in losses if not isinstance(loss, Failure)]
        failures = [loss.reason for loss in losses if isinstance(loss, Failure)]
        if failures:
            steps.unfollowed.append((one.source, f"{TRIED}{failures[0]}"))
        else:
            steps.working.append(Tried(one, numbers[0]))
    return steps


def _loss(step: Any, batch: Any, parameters: Sequence[torch.Tensor]) -> float | Failure:
    outcome = attempt(lambda: step(batch))
    if isinstance(outcome, Failure):
        return outcome
    reason = why_not_a_loss(outcome.loss, parameters)
    return Failure(reason) if reason is not None else float(outcome.loss.detach())
