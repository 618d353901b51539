"""From chosen parts to a step: told by the person, by their own code, or by trying what the objects allow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lr_magic.notebook.discovery import questions
from lr_magic.notebook.discovery.found_step import FoundStep, guessed, own
from lr_magic.notebook.discovery.guess_step import guess_step
from lr_magic.notebook.discovery.identity import optimized
from lr_magic.notebook.discovery.index_guard import index_guard
from lr_magic.notebook.discovery.loss_candidates import loss_candidates
from lr_magic.notebook.discovery.metrics_asked import metrics_of, refuse_bad_metrics, with_metrics
from lr_magic.notebook.discovery.own_step.choose import OwnSteps, follow_sources, try_own_steps
from lr_magic.notebook.discovery.own_step.helpers import helpers, helpers_among
from lr_magic.notebook.discovery.own_step.loaders import loader_of_own_step, loop_as_loader
from lr_magic.notebook.discovery.own_step.roles import Cast
from lr_magic.notebook.discovery.own_step.staleness import is_stale
from lr_magic.notebook.discovery.own_step.touched import touched_by
from lr_magic.notebook.discovery.own_step.verdict import the_own_step
from lr_magic.notebook.discovery.reproducible import with_warning_if_irreproducible
from lr_magic.notebook.discovery.situation import situation_of
from lr_magic.notebook.discovery.tensor_pair import tensor_pair
from lr_magic.notebook.discovery.trial_batches import draw_trial_batches, refuse_live_iterator
from lr_magic.notebook.discovery.validation_trial import why_no_validation
from lr_magic.pure.errors import DiscoveryError
from lr_magic.training.batches import move
from lr_magic.training.restoring.restore import restored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lr_magic.notebook.discovery.candidates import Candidate, Candidates
    from lr_magic.notebook.discovery.cell_history import CellHistory
    from lr_magic.notebook.discovery.guess import Situation
    from lr_magic.notebook.discovery.own_step.follow import Followed
    from lr_magic.notebook.discovery.parts import Parts
    from lr_magic.notebook.discovery.request import DiscoveryRequest


def find_step(
    parts: Parts,
    candidates: Candidates,
    request: DiscoveryRequest,
    namespace: Mapping[str, object],
    history: CellHistory,
) -> tuple[Parts, FoundStep]:
    """Find the step by trials in which everything is put back; returns the parts with the loader that goes with it."""
    cast = _cast(parts, candidates, namespace)
    followed, steps = _followed(candidates, request, cast, history)
    current = [f for f in followed if not is_stale(f.source, parts.wiring, history)]
    parts = loader_of_own_step(parts, current, candidates, request)
    if parts.train_rivals and parts.train is not None:
        raise questions.several_loaders([c.name for c in (parts.train, *parts.train_rivals)], request.magic)
    if parts.train is None:
        parts, followed = _without_loader(parts, followed, candidates, history, request.magic)
    else:
        followed, others = _over(parts.train, followed, is_typed=request.train is not None)
        reason = f"its loop does not go over `{parts.train.name}`"
        steps.unfollowed += [(f.source, reason) for f in others if f in current and f.source.is_stepped_for(history)]
    assert parts.train is not None  # noqa: S101 - for the type checker: a loader was found or asked for above
    refuse_live_iterator(parts.train, request.magic)
    model = parts.wiring.model
    touched = [value for one in followed for value in touched_by(one.step)]
    # Any loss may be tried, and may have a state of its own: a running centre, a memory of former batches.
    touched += [c.value for c in candidates.parameterless]
    touched += [loss.candidate.value for loss in loss_candidates(candidates)]
    loaders = [loader.value for loader in (parts.train, parts.valid) if loader is not None]
    room = restored(
        modules=[model.value],
        optimizers=[parts.optimizer],
        loaders=loaders,
        # Those of the notebook: a search among all objects of the process takes longer than the trials.
        schedulers=[scheduler.value for scheduler in candidates.schedulers],
        touched=touched,
    )
    with room, index_guard(parts.device):
        model.value.train()
        batches = [move(batch, parts.device) for batch in draw_trial_batches(parts.train, request.magic)]
        if request.loss is None:
            followed += helpers(candidates.functions, model.name, cast, history, batches[0])
        else:
            asked = [function for function in candidates.functions if request.loss in function.names]
            followed = list(helpers_among(asked, model.name, cast, history, batches[0]))
        steps = try_own_steps(followed, batches, optimized(parts.optimizer), steps)
        steps.set_stale_aside(parts.wiring, history)
        situation = situation_of(parts, candidates, request, namespace, batches)
        found = _choose(parts, steps, situation, request=request, cast=cast, history=history)
        if request.metrics:
            refuse_bad_metrics(found, batches[0])
        found = with_warning_if_irreproducible(found, batches[0])
        return _with_valid_if_it_works(parts, found, request)


def _over(train: Candidate, followed: list[Followed], *, is_typed: bool) -> tuple[list[Followed], list[Followed]]:
    """Part the steps that can be called with a batch of the training loader from those that draw something else.

    Where the person typed a loader, a step over another one is meant for its batches, too.
    """
    fitting = [f for f in followed if f.goes_over is train.value or f.step.batch_names]
    if is_typed:
        fitting += [f for f in followed if f not in fitting and not _draws_itself(f)]
    return fitting, [f for f in followed if f not in fitting]


def _draws_itself(followed: Followed) -> bool:
    return followed.goes_over is None or isinstance(followed.goes_over, (range, list, tuple))


def _with_valid_if_it_works(parts: Parts, found: FoundStep, request: DiscoveryRequest) -> tuple[Parts, FoundStep]:
    """Leave validation data out where the step gives no loss on it, and say so; refuse if they were asked for."""
    if parts.valid is None:
        return parts, found
    reason = why_no_validation(parts.wiring.model.value, parts.valid, found.compute_loss, parts.device)
    if reason is None:
        return parts, found
    if request.valid is not None:
        raise questions.no_validation(parts.valid.name, reason, request.magic)
    note = f"`{parts.valid.name}` is not used: the step gives no loss on it ({reason})"
    return replace(parts, valid=None), replace(found, notes=(*found.notes, note))


def _cast(parts: Parts, candidates: Candidates, namespace: Mapping[str, object]) -> Cast:
    return Cast(
        namespace=namespace,
        model=parts.wiring.model.value,
        optimizer=parts.optimizer,
        train_loader=parts.train.value if parts.train is not None else None,
        device=parts.device,
        criteria=loss_candidates(candidates),
    )


def _followed(
    candidates: Candidates, request: DiscoveryRequest, cast: Cast, history: CellHistory
) -> tuple[list[Followed], OwnSteps]:
    """Follow the sources of the notebook, unless the person has said what the loss is."""
    if request.loss is not None:
        return [], OwnSteps()
    return follow_sources(candidates, cast, history, [loader.value for loader in candidates.loaders])


def _without_loader(
    parts: Parts, followed: list[Followed], candidates: Candidates, history: CellHistory, magic: str
) -> tuple[Parts, list[Followed]]:
    """Take the person's own loop for the loader, or a pair of tensors."""
    for one in followed:
        if not one.step.batch_names and (loader := loop_as_loader(one)) is not None:
            return replace(parts, train=loader), [one]
    pair = tensor_pair(candidates.tensors, history)
    if pair is None:
        raise questions.no_train_loader(magic)
    return replace(parts, train=pair, train_is_assumed=True), []


def _choose(
    parts: Parts,
    steps: OwnSteps,
    situation: Situation,
    *,
    request: DiscoveryRequest,
    cast: Cast,
    history: CellHistory,
) -> FoundStep:
    """Prefer the person's own step to any guess; where both are possible and differ, both are said."""
    try:
        guess = guess_step(situation)
    except DiscoveryError:
        if not steps.working:
            raise
        guess = None
    if steps.working:
        tried = the_own_step(steps, history, request.magic)
        return own(tried, guess, with_metrics(tried.followed.step.fresh(), request, cast.namespace))
    assert guess is not None  # noqa: S101 - for the type checker: without a guess the question was raised above
    if (old := steps.differing(float(guess.valued.loss.detach()))) is not None:
        reason = f"it ran before `{parts.wiring.model.name}` was made anew, and gives another loss than a plain step"
        raise questions.own_step_unclear(old, reason, guess.valued.reading.answer, request.magic)
    if (unclear := steps.relevant(parts.wiring, cast, history)) is not None:
        raise questions.own_step_unclear(*unclear, guess.valued.reading.answer, request.magic)
    metrics = metrics_of(request, cast.namespace, situation.batches[0], guess.valued.reading)
    return guessed(guess, steps, parts, metrics, situation)
