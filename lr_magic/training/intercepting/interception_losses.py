"""Which losses an optimizer's step was made on, told from the backward passes since the step before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lr_magic.training.loss_fetching import type_of_means

if TYPE_CHECKING:
    from lr_magic.training.intercepting.interception_backward import BackwardCall


class LossLedger:
    """Collects the losses that went backward, and sums up those that a step was made on.

    Backward passes between two steps belong together: the pieces of an accumulation, the two losses of a
    discriminator. Steps of several optimizers right after each other were made on the same losses.
    """

    def __init__(self) -> None:
        self._pieces: list[torch.Tensor] = []
        self._is_spent = False
        self._unscaled: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def note_scaled(self, scaled: torch.Tensor, loss: torch.Tensor) -> None:
        """Remember which loss a gradient scaler made the scaled one of."""
        # with the scaled tensor itself, so that no other can get its id meanwhile
        self._unscaled[id(scaled)] = (scaled, loss.detach())

    def add(self, call: BackwardCall) -> None:
        """Take in the losses of a backward pass."""
        if self._is_spent:
            self._pieces, self._is_spent = [], False
        for tensor, loss in zip(call.tensors, call.losses, strict=True):
            known = self._unscaled.get(id(tensor))
            self._pieces.append(loss if known is None else known[1].reshape(()))
        self._unscaled.clear()

    def forget(self) -> None:
        """Drop what was collected: its gradients were zeroed or overflowed, and no step will be made on them."""
        self._is_spent = True

    def of_step(self) -> torch.Tensor | None:
        """Sum of the losses that the step just made was made on; None if none went backward."""
        if not self._pieces:
            return None
        self._is_spent = True
        if len(self._pieces) == 1:
            return self._pieces[0]
        return torch.stack([piece.to(type_of_means(piece)) for piece in self._pieces]).sum()
