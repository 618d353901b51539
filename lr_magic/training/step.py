"""One optimizer step: forward, backward, accumulation, gradient scaler, clipping."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from lr_magic.pure.errors import BatchError
from lr_magic.training.batches import count_samples
from lr_magic.training.interrupts import InterruptGate
from lr_magic.training.setup import AUTOCAST_TYPES, BatchOutcome, TrainingSetup

if TYPE_CHECKING:
    from collections.abc import Mapping


class StepOutcome(NamedTuple):
    """What one optimizer step says: mean loss and metrics of its batches (on the device), number of its samples."""

    loss: torch.Tensor
    num_samples: int
    metrics: Mapping[str, Any]


class Update:
    """What a person's own step calls in place of ``loss.backward()``, ``optimizer.step()`` and ``zero_grad()``.

    Scaling, accumulation and clipping of the setup happen inside. Whatever the step leaves out is done by `finish`.
    """

    def __init__(self, setup: TrainingSetup, gate: InterruptGate | None = None) -> None:
        self._setup = setup
        self._gate = gate if gate is not None else InterruptGate()
        self._parameters = [p for group in setup.optimizer.param_groups for p in group["params"]]
        self._scaler = setup.scaler if setup.scaler is not None else _own_scaler(setup)
        self._is_plain = self._scaler is None and setup.clip_norm is None
        self._is_last_batch = True
        self._has_backward = False
        self.has_stepped = False

    def zero_grad(self) -> None:
        """Nothing to do: gradients are zeroed before each step's first batch."""

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of a batch's loss."""
        _refuse_bad_loss(loss)
        self._has_backward = True
        if self._setup.accumulate > 1:
            loss = loss / self._setup.accumulate
        (loss if self._scaler is None else self._scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]

    def step(self) -> None:
        """Update the parameters; while batches are being accumulated, only the last batch's call does so."""
        if (self._is_last_batch and not self.has_stepped) or self._setup.owns_step:
            self._apply()

    def begin(self) -> None:
        """Begin a step: no gradients, nothing done yet."""
        self._setup.optimizer.zero_grad()
        self.has_stepped = False

    def begin_batch(self, *, is_last: bool) -> None:
        """Begin a batch of the step."""
        self._is_last_batch = is_last
        self._has_backward = False

    def finish(self, outcome: BatchOutcome) -> None:
        """Do after a batch what its step left out."""
        if not self._has_backward:
            self.backward(outcome.loss)
        if self._is_last_batch and not self.has_stepped and not self._setup.owns_step:
            self._apply()

    def apply_partial(self, num_batches: int) -> None:
        """Update after fewer batches than planned (a pass ended): their mean counts in full."""
        grads = [p.grad for p in self._parameters if p.grad is not None]
        torch._foreach_mul_(grads, self._setup.accumulate / num_batches)
        self._apply()

    def _apply(self) -> None:
        self.has_stepped = True
        # An interrupt inside would leave some parameters stepped and others not.
        self._gate.shut()
        try:
            self._step_optimizer()
        finally:
            self._gate.open()

    def _step_optimizer(self) -> None:
        optimizer, scaler = self._setup.optimizer, self._scaler
        if self._is_plain:
            optimizer.step()
            return
        if self._setup.clip_norm is not None:
            if scaler is not None:
                scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(self._parameters, self._setup.clip_norm)
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()


class StepRunner:
    """Makes optimizer steps of a setup, one after the other.

    Parameters
    ----------
    setup
        What is trained.
    gate
        Held shut while parameters are being updated.
    """

    def __init__(self, setup: TrainingSetup, gate: InterruptGate | None = None) -> None:
        self._setup = setup
        self._update = Update(setup, gate)
        self._autocast = autocast_of(setup)

    def run(self, next_batch: Any) -> StepOutcome:
        """Make one step.

        Parameters
        ----------
        next_batch
            Called for each batch; its StopIteration ends the step early.

        Raises
        ------
        StopIteration
            If there is no batch left for this step.
        """
        update = self._update
        update.begin()
        outcomes: list[tuple[BatchOutcome, int]] = []
        while not self._is_complete(len(outcomes)):
            try:
                batch = next_batch()
            except StopIteration:
                if not outcomes or self._setup.owns_step:
                    raise
                update.apply_partial(len(outcomes))
                break
            update.begin_batch(is_last=len(outcomes) + 1 == self._setup.accumulate)
            outcomes.append((self._run_batch(batch), count_samples(batch)))
        return _mean_outcome(outcomes)

    def _is_complete(self, num_batches: int) -> bool:
        return self._update.has_stepped if self._setup.owns_step else num_batches == self._setup.accumulate

    def _run_batch(self, batch: Any) -> BatchOutcome:
        with self._autocast:
            if self._setup.train_batch is not None:
                outcome = self._setup.train_batch(batch, self._update)
            else:
                outcome = self._setup.compute_loss(batch)
        self._update.finish(outcome)
        return BatchOutcome(outcome.loss.detach(), outcome.metrics)


def _mean_outcome(outcomes: list[tuple[BatchOutcome, int]]) -> StepOutcome:
    if len(outcomes) == 1:
        (loss, metrics), num_samples = outcomes[0]
        return StepOutcome(loss if loss.ndim == 0 else loss.reshape(()), num_samples, metrics)
    losses = torch.stack([outcome.loss.reshape(()) for outcome, _ in outcomes])
    names = outcomes[0][0].metrics
    metrics = {name: sum(outcome.metrics[name] for outcome, _ in outcomes) / len(outcomes) for name in names}
    return StepOutcome(losses.mean(), sum(count for _, count in outcomes), metrics)


def autocast_of(setup: TrainingSetup) -> AbstractContextManager[Any]:
    """Context of a setup's forward passes."""
    if setup.amp is None:
        return nullcontext()
    return torch.autocast(setup.target_device.type, dtype=AUTOCAST_TYPES[setup.amp])


def _own_scaler(setup: TrainingSetup) -> torch.amp.GradScaler | None:
    return torch.amp.GradScaler(setup.target_device.type) if setup.amp == "fp16" else None


def _refuse_bad_loss(loss: Any) -> None:
    if not isinstance(loss, torch.Tensor):
        raise BatchError(f"The loss must be a tensor; got a {type(loss).__name__}. Return it before .item().")
    if loss.numel() != 1:
        raise BatchError(
            f"The loss must be one number; got a tensor of shape {tuple(loss.shape)}. Average it: loss.mean()."
        )
    if not loss.requires_grad:
        raise BatchError(
            "The loss depends on no parameter that requires a gradient. Is everything frozen, or is the loss computed "
            "under torch.no_grad() or from .detach() or .item()?"
        )
