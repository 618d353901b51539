"""What was found, as data: one finding per line of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.describe import describe_loader, describe_model, describe_optimizer
from lr_magic.pure.results.finding import Finding

if TYPE_CHECKING:
    from lr_magic.notebook.discovery.candidates import Candidates
    from lr_magic.notebook.discovery.found_step import FoundStep
    from lr_magic.notebook.discovery.parts import Parts


def findings_of(parts: Parts, step: FoundStep, candidates: Candidates) -> tuple[Finding, ...]:
    """Everything that a person reads before the first step."""
    model = parts.wiring.model
    return (
        Finding("model", model.name, describe_model(model.value)),
        _optimizer(parts),
        *_train(parts),
        *_valid(parts),
        Finding("step", "", step.description, is_guess=step.is_assumed),
        Finding("device", "", str(parts.device)),
        *(Finding("note", "", guess, is_guess=True) for guess in step.guesses),
        *(Finding("note", "", note) for note in step.notes),
        *_notes(parts, candidates),
    )


def _train(parts: Parts) -> list[Finding]:
    if parts.train is None:
        return []
    description = describe_loader(parts.train.value) + (" (no loader found)" if parts.train_is_assumed else "")
    return [Finding("train", parts.train.name, description, is_guess=parts.train_is_assumed)]


def _optimizer(parts: Parts) -> Finding:
    description = describe_optimizer(parts.optimizer)
    if parts.wiring.optimizer is not None:
        return Finding("optimizer", parts.wiring.optimizer.name, description)
    return Finding("optimizer", "", f"{description} (default: no optimizer found)", is_guess=True)


def _valid(parts: Parts) -> list[Finding]:
    if parts.valid is not None:
        return [Finding("valid", parts.valid.name, describe_loader(parts.valid.value))]
    if parts.offered is not None:
        return [
            Finding("valid", "", f"none; `{parts.offered.name}` looks like test data: --valid {parts.offered.name}")
        ]
    return []


def _notes(parts: Parts, candidates: Candidates) -> list[Finding]:
    scheduled = [c.name for c in candidates.schedulers if getattr(c.value, "optimizer", None) is parts.optimizer]
    notes = [f"`{name}` is not stepped" for name in scheduled]
    notes += [f"also seen: `{other.name}`, which is older" for other in parts.wiring.others]
    return [Finding("note", "", note) for note in notes]
