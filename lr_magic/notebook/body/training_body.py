"""The body as a training step: its updates are the engine's, and a step's loss is what it stepped on."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.body.loss_check import checked_loss
from lr_magic.notebook.body.quiet import Quiet
from lr_magic.notebook.body.scalars import followed_scalars
from lr_magic.training.intercepting.interception_methods import MethodsReplaced, nothing
from lr_magic.training.setup import BatchOutcome

if TYPE_CHECKING:
    from lr_magic.notebook.body.body_run import BodyRun
    from lr_magic.training.intercepting.interception_update import UpdateCalls
    from lr_magic.training.step import Update


class TrainingBody:
    """`train_batch` of a setup: the body, its backward and step calls handed to the engine.

    Parameters
    ----------
    run
        The body.
    calls
        Hands its updates on.
    left_out
        Calls that are not made: (object, name) pairs of its schedulers.
    is_quiet
        Its prints stay off the screen.
    """

    def __init__(self, run: BodyRun, calls: UpdateCalls, left_out: list[tuple[Any, str]], *, is_quiet: bool) -> None:
        self._run = run
        self._calls = calls
        self._left_out = MethodsReplaced((value, name, nothing) for value, name in left_out)
        self._quiet = Quiet if is_quiet else nullcontext
        self._told: list[torch.Tensor] = []
        self._pieces: list[torch.Tensor] = []
        self.batches_per_step = 1

    def __call__(self, batch: Any, update: Update) -> BatchOutcome | None:
        """Run the body on a batch; None where it passes the batch over."""
        if self._pieces and self._calls.has_no_gradients():
            # a pass ended within a step, and the engine began anew
            self._told, self._pieces = [], []
        self._calls.update = update
        with self._quiet(), self._left_out, self._calls:
            loss, metrics = self._run.run(batch)
        return self._outcome(loss, metrics, update)

    def _outcome(self, loss: Any, metrics: dict[str, Any], update: Update) -> BatchOutcome | None:
        calls = self._calls
        if calls.has_zeroed:
            self._pieces = []
        if not calls.losses and self._run.body.goes_backward:
            return None
        if calls.has_skipped_step and not calls.has_stepped:
            update.has_stepped = True
        followed = followed_scalars(metrics, [*calls.losses, loss])
        if not calls.losses:
            return BatchOutcome(checked_loss(loss, self._run.body.magic), followed)
        return BatchOutcome(self._told_loss(update), followed)

    def _told_loss(self, update: Update) -> torch.Tensor:
        """Loss of this batch such that the mean over the batches of a step is the sum of the pieces that it stepped on.

        A step's pieces are usually shares (``loss / 4``), and the engine tells the mean over a step's batches.
        """
        losses = self._calls.losses
        batch_loss = losses[0] if len(losses) == 1 else torch.stack(losses).sum()
        if self._calls.keeps_gradients:
            # the engine accumulates, and takes the share of each batch itself
            return batch_loss
        if update.has_stepped and not self._pieces and not self._told:
            self.batches_per_step = 1
            return batch_loss
        self._pieces.append(batch_loss)
        if not update.has_stepped:
            self._told.append(batch_loss)
            return batch_loss
        number = len(self._told) + 1
        told = number * torch.stack(self._pieces).sum() - sum(self._told)
        self.batches_per_step = number
        self._told, self._pieces = [], []
        return told

    def forget(self) -> None:
        """Begin anew, with the notebook's own values and no step under way."""
        self._run.forget()
        self._told, self._pieces = [], []
