"""What was chosen before the step: model, optimizer, loaders, device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from lr_magic.notebook.discovery.candidates import Candidate
    from lr_magic.notebook.discovery.wiring import Wiring


@dataclass(frozen=True)
class Parts:
    """Everything of a setup but its step.

    Attributes
    ----------
    wiring
        Model and optimizer as the notebook names them.
    optimizer
        The optimizer itself, or the default one.
    train, valid
        Loaders; None where there is none.
    device
        Where the batches go.
    offered
        Data called test that is not used, but could be asked for.
    train_is_assumed
        True where the training data is a pair of tensors, taken as they are.
    train_rivals
        Loaders that could be meant just as well, unless the person's own loop shows which one is.
    """

    wiring: Wiring
    optimizer: torch.optim.Optimizer
    train: Candidate | None
    valid: Candidate | None
    device: torch.device
    offered: Candidate | None = None
    train_is_assumed: bool = False
    train_rivals: tuple[Candidate, ...] = ()
