"""From the parts of a framework's object to a setup, tried on one batch in which everything is put back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.discovery.attempts import Failure, attempt, why_not_a_loss
from lr_magic.notebook.discovery.describe import describe_loader, describe_model, describe_optimizer
from lr_magic.notebook.discovery.device import training_device
from lr_magic.notebook.discovery.identity import optimized
from lr_magic.notebook.discovery.request import Discovered
from lr_magic.notebook.discovery.trial_batches import draw_trial_batches
from lr_magic.notebook.discovery.typed_line import cell_magic
from lr_magic.notebook.discovery.validation_trial import why_no_validation
from lr_magic.pure.errors import DiscoveryError
from lr_magic.pure.results.finding import Finding
from lr_magic.training.batches import move
from lr_magic.training.restoring.restore import restored
from lr_magic.training.setup import TrainingSetup

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn

    from lr_magic.notebook.adapters.notebook import Notebook
    from lr_magic.notebook.discovery.candidates import Candidate
    from lr_magic.training.setup import BatchOutcome


@dataclass(frozen=True)
class FrameworkParts:
    """What a framework's object holds.

    Attributes
    ----------
    name
        How the notebook calls the object.
    model, optimizer, train, valid
        As in a `TrainingSetup`; the loaders with the names for them.
    compute_loss
        The framework's own step, forward only.
    step
        Words for it.
    accumulate, clip_norm, amp
        The framework's settings, where the person typed none.
    notes
        Lines of the report.
    """

    name: str
    model: nn.Module
    optimizer: torch.optim.Optimizer
    train: Candidate
    compute_loss: Callable[[Any], BatchOutcome]
    step: str
    valid: Candidate | None = None
    accumulate: int = 1
    clip_norm: float | None = None
    amp: str | None = None
    notes: tuple[str, ...] = ()
    optimizer_name: str = ""
    optimizer_is_guess: bool = False


def assembled(parts: FrameworkParts, notebook: Notebook) -> Discovered:
    """Build the setup, and try its step once.

    Raises
    ------
    DiscoveryError
        If the step does not give a loss that can be trained on.
    """
    request = notebook.request
    setup = TrainingSetup(
        model=parts.model,
        optimizer=parts.optimizer,
        train_loader=parts.train.value,
        compute_loss=parts.compute_loss,
        valid_loader=parts.valid.value if parts.valid is not None else None,
        device=training_device(parts.model, request, notebook.namespace),
        accumulate=request.accumulate if request.accumulate != 1 else parts.accumulate,
        clip_norm=request.clip_norm if request.clip_norm is not None else parts.clip_norm,
        amp=request.amp if request.amp is not None else parts.amp,
    )
    reason = _try(setup, parts, request.magic)
    if reason is not None:
        note = f"{parts.valid.name} is not used: {reason}" if parts.valid is not None else ""
        parts = replace(parts, valid=None, notes=(*parts.notes, note))
        setup = replace(setup, valid_loader=None)
    return Discovered(setup, _findings(parts, setup))


def _try(setup: TrainingSetup, parts: FrameworkParts, magic: str) -> str | None:
    """Run the step once on training data, and on validation data: returns why it cannot be run on those."""
    with restored(setup):
        setup.model.train()
        batch = move(draw_trial_batches(parts.train, magic)[0], setup.target_device)
        outcome = attempt(lambda: setup.compute_loss(batch))
        failed = isinstance(outcome, Failure)
        reason = outcome.reason if failed else why_not_a_loss(outcome.loss, optimized(setup.optimizer))
        if reason is not None:
            raise DiscoveryError(
                f"The step of `{parts.name}` ({parts.step}) gives no loss on a first batch: {reason}.\n"
                f"→ `{cell_magic(magic)}` above the cell that trains."
            )
        if parts.valid is None:
            return None
        return why_no_validation(setup.model, parts.valid, setup.compute_loss, setup.target_device)


def _findings(parts: FrameworkParts, setup: TrainingSetup) -> tuple[Finding, ...]:
    optimizer = Finding(
        "optimizer", parts.optimizer_name, describe_optimizer(parts.optimizer), is_guess=parts.optimizer_is_guess
    )
    valid = [Finding("valid", parts.valid.name, describe_loader(parts.valid.value))] if parts.valid is not None else []
    return (
        Finding("model", parts.name, describe_model(parts.model)),
        optimizer,
        Finding("train", parts.train.name, describe_loader(parts.train.value)),
        *valid,
        Finding("step", "", parts.step),
        Finding("device", "", str(setup.device)),
        *(Finding("note", "", note) for note in parts.notes),
    )
