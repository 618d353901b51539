"""What a person asked for and what was found for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lr_magic.pure.results.finding import Finding
    from lr_magic.training.setup import TrainingSetup


@dataclass(frozen=True)
class DiscoveryRequest:
    """What the person typed; None where the notebook is to be searched.

    Attributes
    ----------
    model, train, valid, optimizer, device
        A name or an expression of the notebook.
    loss
        A name or an expression that yields a callable ``(output, target)``, or an expression of the loss itself, in
        terms of ``out`` (also ``output``, ``outputs``, ``pred``, ``preds``, ``y_pred``, ``logits``), of ``y`` (also
        ``target``, ``targets``, ``label``, ``labels``), of ``batch``, of the keys of a dict batch, and of any name of
        the notebook.
    metrics
        Like ``loss``, each a scalar that is followed beside it.
    accumulate, clip_norm, amp
        Passed on into the setup.
    magic
        Name of the calling magic, for the way out that a question ends in.
    """

    model: str | None = None
    train: str | None = None
    valid: str | None = None
    loss: str | None = None
    optimizer: str | None = None
    device: str | None = None
    metrics: tuple[str, ...] = ()
    accumulate: int = 1
    clip_norm: float | None = None
    amp: str | None = None
    magic: str = "lr_find"


@dataclass(frozen=True)
class Discovered:
    """All that a magic needs: what a loop trains, and what a person reads about it."""

    setup: TrainingSetup
    findings: tuple[Finding, ...]
