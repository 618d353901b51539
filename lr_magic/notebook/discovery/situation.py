"""What the guess of a step is made from: the model, trial batches, and the losses that are in question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lr_magic.notebook.discovery.candidates import Candidate
from lr_magic.notebook.discovery.expressions import Expression, parse_expression
from lr_magic.notebook.discovery.guess import Situation
from lr_magic.notebook.discovery.identity import optimized
from lr_magic.notebook.discovery.loss_candidates import LossCandidate, loss_candidates, unusable_losses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lr_magic.notebook.discovery.candidates import Candidates
    from lr_magic.notebook.discovery.parts import Parts
    from lr_magic.notebook.discovery.request import DiscoveryRequest


def situation_of(
    parts: Parts,
    candidates: Candidates,
    request: DiscoveryRequest,
    namespace: Mapping[str, object],
    batches: list[Any],
) -> Situation:
    """Gather what the step is guessed from; a loss that the person typed is the only one in question."""
    criteria, expression = loss_candidates(candidates), None
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
        namespace=namespace,
        expression=expression,
        is_asked=request.loss is not None,
    )
