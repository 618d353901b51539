"""What a step is guessed from, and a guess: records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from lr_magic.notebook.discovery.attempts import Failure
    from lr_magic.notebook.discovery.candidates import Candidate
    from lr_magic.notebook.discovery.expressions import Expression
    from lr_magic.notebook.discovery.input_reading import InputReading
    from lr_magic.notebook.discovery.loss_candidates import LossCandidate
    from lr_magic.notebook.discovery.loss_readings import Valued


@dataclass(frozen=True)
class Unsound:
    """A loss that fits the output of a first batch and cannot be trained on, and why."""

    loss: str
    reason: str
    is_of_first_batch: bool


@dataclass(frozen=True)
class Situation:
    """What the step is told from; on the way it gathers what did not work."""

    model: Candidate
    parameters: Sequence[torch.Tensor]
    batches: Sequence[Any]
    criteria: Sequence[LossCandidate]
    unusable: Sequence[Candidate]
    magic: str
    namespace: Mapping[str, object]
    expression: Expression | None = None
    is_asked: bool = False
    failures: list[Failure] = field(default_factory=list)
    unsound: list[Unsound] = field(default_factory=list)


@dataclass(frozen=True)
class Guess:
    """An input reading and a loss reading that work together."""

    inputs: InputReading
    valued: Valued
