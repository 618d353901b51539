"""Whether a model was just unfrozen, and at which rate its head was trained before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lr_magic.pure.results.fit_history import FitHistory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lr_magic.notebook.trainings import Training
    from lr_magic.pure.results.finding import Finding


def first_stage_lr(training: Training, namespace: Mapping[str, Any]) -> float | None:
    """Peak rate of the last training, if more of the same model was frozen in it than is now; else None."""
    history = namespace.get("fit_history")
    if not isinstance(history, FitHistory) or training.setup is None:
        return None
    num_frozen = sum(not p.requires_grad for p in training.setup.model.parameters())
    was_frozen = history.settings.get("num_frozen", 0)
    if num_frozen >= was_frozen or _model_name(history.setup) != _model_name(training.findings):
        return None
    peak = history.settings["max_lr"]
    return float(max(peak) if isinstance(peak, list) else peak)


def _model_name(findings: Sequence[Finding]) -> str | None:
    return next((finding.name for finding in findings if finding.role == "model"), None)
