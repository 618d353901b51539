"""Every way in which an output and a target give a loss: the model's own, the criteria of the notebook, a default."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.discovery.attempts import Failure, attempt_loss
from lr_magic.notebook.discovery.batch_items import spelled
from lr_magic.notebook.discovery.default_loss import default_loss
from lr_magic.notebook.discovery.loss_fits import Fit, fits
from lr_magic.notebook.discovery.loss_kind import LossKind, kind_of, wants_log_probabilities
from lr_magic.notebook.discovery.loss_reading import LossReading
from lr_magic.notebook.discovery.outputs import SUM, is_log_probability, is_probability, own_loss, predictions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lr_magic.notebook.discovery.batch_items import Path
    from lr_magic.notebook.discovery.loss_candidates import LossCandidate


@dataclass(frozen=True)
class Valued:
    """A reading with the loss that it gives on the trial batch."""

    reading: LossReading
    loss: torch.Tensor

    def agrees_with(self, other: Valued) -> bool:
        """Tell whether two readings give one value, so that it does not matter which is meant."""
        return torch.allclose(self.loss.detach(), other.loss.detach(), rtol=1e-5, atol=1e-8)


def own_reading(output: object, *, was_given_target: bool) -> list[Valued]:
    """Return the loss that the model computed itself, if it did."""
    found = own_loss(output, was_given_target=was_given_target)
    if found is None:
        return []
    pick, loss = found
    name = "sum of the losses that the model returns" if pick == SUM else "the model's own loss"
    return [Valued(LossReading(name, _spelled(output, pick), pick=pick), loss)]


def _spelled(output: object, pick: Path | str) -> str:
    return "sum(out.values())" if isinstance(pick, str) else spelled(pick, output, "out")


def criterion_readings(output: object, target: Any, criteria: Iterable[LossCandidate]) -> list[Valued]:
    """Try every criterion on every part of the output that fits the target exactly and gives a finite scalar."""
    if not isinstance(target, torch.Tensor):
        return []
    parts = predictions(output)
    return [
        valued
        for criterion in criteria
        for path, prediction in _without_softmaxed(parts, criterion.candidate.value)
        for valued in _valued_fits(criterion, path, prediction, target, num_parts=len(parts))
    ]


def _valued_fits(
    criterion: LossCandidate, path: Path, prediction: torch.Tensor, target: torch.Tensor, *, num_parts: int
) -> list[Valued]:
    loss_fn = criterion.candidate.value
    if not prediction.is_floating_point() or (wants_log_probabilities(loss_fn) and not _is_log(prediction)):
        return []
    found = []
    for fit in fits(loss_fn, prediction, target):
        guesses = (*_guesses(fit), *([f"took output{list(path)}"] if num_parts > 1 else []))
        reading = LossReading(criterion.name, criterion.name, criterion, path, fit, guesses=tuple(guesses))
        if (valued := _valued(reading, prediction, target)) is not None:
            found.append(valued)
    return found


def _guesses(fit: Fit) -> list[str]:
    return [f"fitted: {fit.words}"] if fit.output or fit.target else []


def _valued(reading: LossReading, prediction: torch.Tensor, target: torch.Tensor) -> Valued | None:
    loss = attempt_loss(lambda: reading.compared(prediction, target))
    if isinstance(loss, Failure) or not isinstance(loss, torch.Tensor):
        return None
    if loss.ndim > 0:
        guesses = (*reading.guesses, f"{reading.name} returns one loss per sample: its mean is taken")
        reading, loss = replace(reading, is_mean=True, guesses=guesses), loss.mean()
    return Valued(reading, loss) if bool(torch.isfinite(loss)) else None


def default_readings(output: object, target: Any) -> list[Valued]:
    """Return the default losses of the parts of the output; more than one is a question."""
    if not isinstance(target, torch.Tensor):
        return []
    found = []
    for path, prediction in _without_softmaxed(predictions(output), None):
        if not prediction.is_floating_point() or (default := default_loss(prediction, target)) is None:
            continue
        name, loss_fn = default
        for fit in fits(loss_fn, prediction, target):
            guesses = (f"default loss, {name}: no criterion found", *_guesses(fit))
            reading = LossReading(name, f"F.{loss_fn.__name__}", loss_fn, path, fit, guesses=guesses)
            if (valued := _valued(reading, prediction, target)) is not None:
                found.append(valued)
    return found


def _without_softmaxed(parts: list[tuple[Path, torch.Tensor]], loss_fn: object) -> list[tuple[Path, torch.Tensor]]:
    """Of ``(logits, probabilities)`` the logits, for a loss that takes logits."""
    if loss_fn is not None and kind_of(loss_fn) is not LossKind.INDEX:
        return parts
    raw = [part for part in parts if not is_probability(part[1])]
    return raw if raw and len(raw) < len(parts) else parts


def _is_log(prediction: torch.Tensor) -> bool:
    return is_log_probability(prediction)
