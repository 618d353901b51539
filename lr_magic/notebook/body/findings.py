"""What a body was found to do, as lines of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.describe import describe_loader, describe_model, describe_optimizer
from lr_magic.pure.results.finding import Finding

if TYPE_CHECKING:
    from lr_magic.notebook.body.setup import ReadBody
    from lr_magic.training.setup import TrainingSetup


def findings_of_body(read: ReadBody, setup: TrainingSetup) -> tuple[Finding, ...]:
    """Everything that a person reads before the first step."""
    objects = read.objects
    return (
        Finding("model", objects.model.name, describe_model(objects.model.value)),
        _optimizer(read, setup),
        Finding("train", read.clause.iterable_source, describe_loader(read.loop)),
        *_valid(read, setup),
        Finding("step", "", _step(read, setup)),
        Finding("device", "", str(setup.target_device)),
        *_notes(read),
    )


def _optimizer(read: ReadBody, setup: TrainingSetup) -> Finding:
    description = describe_optimizer(setup.optimizer)
    if read.objects.optimizer is not None:
        return Finding("optimizer", read.objects.optimizer.name, description)
    return Finding("optimizer", "", f"{description} (default: no optimizer found)", is_guess=True)


def _valid(read: ReadBody, setup: TrainingSetup) -> list[Finding]:
    if setup.valid_loader is not None and read.valid is not None:
        return [Finding("valid", read.valid.name, describe_loader(setup.valid_loader))]
    if read.valid is not None:
        return [Finding("valid", "", f"none: where `{read.valid.name}` would go in the clause is not clear")]
    return []


def _step(read: ReadBody, setup: TrainingSetup) -> str:
    first, last = read.statements[0].lineno, read.statements[-1].end_lineno
    lines = f"line {first}" if first == last else f"lines {first}-{last}"
    stepping = ", stepping when it says so" if setup.owns_step else ""
    return f"your own, {lines} of this cell{stepping}"


def _notes(read: ReadBody) -> list[Finding]:
    notes = [f"`{c.name}.step()` is left out: the rates are set here" for c in read.objects.candidates.schedulers]
    return [Finding("note", "", note) for note in notes]
