"""From chosen parts to a step: told by the person, by their own code, or by trying what the objects allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.discovery.batch_items import spelled
from lr_magic.notebook.discovery.candidates import Candidate
from lr_magic.notebook.discovery.expressions import Expression, Metrics, parse_expression
from lr_magic.notebook.discovery.guess_step import Guess, Situation, guess_step
from lr_magic.notebook.discovery.identity import optimized
from lr_magic.notebook.discovery.loss_candidates import LossCandidate, loss_candidates, unusable_losses
from lr_magic.notebook.discovery.supervised_step import SupervisedStep
from lr_magic.notebook.discovery.trial_batches import draw_trial_batches, refuse_live_iterator
from lr_magic.training.batches import move
from lr_magic.training.metrics import METRICS
from lr_magic.training.restore import restored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lr_magic.notebook.discovery.candidates import Candidates
    from lr_magic.notebook.discovery.cell_history import CellHistory
    from lr_magic.notebook.discovery.parts import Parts
    from lr_magic.notebook.discovery.request import DiscoveryRequest
    from lr_magic.training.setup import BatchOutcome


@dataclass(frozen=True)
class FoundStep:
    """A step with what the report says about it."""

    compute_loss: Callable[[Any], BatchOutcome]
    description: str
    guesses: tuple[str, ...] = ()


def find_step(
    parts: Parts,
    candidates: Candidates,
    request: DiscoveryRequest,
    namespace: Mapping[str, object],
    history: CellHistory,
) -> FoundStep:
    """Find the step by trials in which everything is put back."""
    del history
    refuse_live_iterator(parts.train, request.magic)
    model = parts.wiring.model.value
    with restored(modules=[model], optimizers=[parts.optimizer], loaders=[parts.train.value]):
        model.train()
        batches = [move(batch, parts.device) for batch in draw_trial_batches(parts.train, request.magic)]
        guess = guess_step(_situation(parts, candidates, request, namespace, batches))
        step = SupervisedStep(model, guess.inputs, guess.valued.reading, _metrics(request, namespace, batches[0]))
        return FoundStep(step, _words(guess, parts, batches[0]), _guesses(guess, batches[0]))


def _situation(
    parts: Parts,
    candidates: Candidates,
    request: DiscoveryRequest,
    namespace: Mapping[str, object],
    batches: list[Any],
) -> Situation:
    criteria = loss_candidates(candidates)
    expression = None
    if request.loss is not None:
        asked = parse_expression(request.loss, namespace, batches[0], option="--loss", magic=request.magic)
        expression = asked if isinstance(asked, Expression) else None
        criteria = [] if expression else [LossCandidate(Candidate(asked, (request.loss,)))]
    return Situation(
        model=parts.wiring.model,
        parameters=optimized(parts.optimizer),
        batches=batches,
        criteria=criteria,
        unusable=[] if request.loss else unusable_losses(candidates, criteria),
        magic=request.magic,
        expression=expression,
    )


def _metrics(request: DiscoveryRequest, namespace: Mapping[str, object], batch: object) -> Metrics | None:
    if not request.metrics:
        return None
    known = {**METRICS, **namespace}
    read = {m: parse_expression(m, known, batch, option="--metric", magic=request.magic) for m in request.metrics}
    return Metrics(read)


def _words(guess: Guess, parts: Parts, batch: object) -> str:
    call = guess.inputs.spelled(parts.wiring.model.name, batch)
    loss = guess.valued.reading
    return f"{call} → {loss.name}" + (f"(out, {_target(guess, batch)})" if loss.loss_fn is not None else "")


def _target(guess: Guess, batch: object) -> str:
    return spelled(guess.inputs.target, batch) if guess.inputs.target is not None else "-"


def _guesses(guess: Guess, batch: object) -> tuple[str, ...]:
    unused = (
        [f"not used: {', '.join(spelled(path, batch) for path in guess.inputs.unused)}"] if guess.inputs.unused else []
    )
    return (*guess.valued.reading.guesses, *unused)
