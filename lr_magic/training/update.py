"""What a person's own step calls in place of backward, step and zero_grad; the engine's steps use it alike."""

from __future__ import annotations

import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch.optim import Optimizer

from lr_magic.pure.errors import BatchError
from lr_magic.training.interrupts import InterruptGate
from lr_magic.training.optimizer_step import OptimizerStep

if TYPE_CHECKING:
    from lr_magic.training.setup import BatchOutcome, TrainingSetup


class Update:
    """What a person's own step calls in place of ``loss.backward()``, ``optimizer.step()`` and ``zero_grad()``.

    Scaling, accumulation and clipping of the setup happen inside. Whatever the step leaves out is done by `finish`.
    """

    def __init__(self, setup: TrainingSetup, gate: InterruptGate | None = None) -> None:
        self._setup = setup
        self._optimizer = setup.optimizer
        self._optimizer_step = OptimizerStep(setup.optimizer)
        self._accumulate = setup.accumulate
        self._gate = gate if gate is not None else InterruptGate()
        self._scaler = with_scaler(setup).scaler
        self._is_plain = self._scaler is None and setup.clip_norm is None
        self._has_plain_zero_grad = type(setup.optimizer).zero_grad is Optimizer.zero_grad
        self._is_last_batch = True
        self._has_backward = False
        self.has_stepped = False

    def zero_grad(self) -> None:
        """Nothing to do: gradients are zeroed before each step's first batch."""

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of a batch's loss.

        Raises
        ------
        BatchError
            If it is not one number that depends on a parameter.
        """
        self._has_backward = True
        try:
            scaled = loss if self._accumulate == 1 else loss / self._accumulate
            (scaled if self._scaler is None else self._scaler.scale(scaled)).backward()  # type: ignore[no-untyped-call]
        except Exception:
            # Looked at only now, since every look costs something and a good loss needs none.
            _refuse_bad_loss(loss)
            raise

    def step(self) -> None:
        """Update the parameters; while batches are being accumulated, only the last batch's call does so."""
        if self._setup.owns_step or (self._is_last_batch and not self.has_stepped):
            self._apply()

    def begin(self) -> None:
        """Begin a step: no gradients, nothing done yet."""
        self.has_stepped = False
        if not self._has_plain_zero_grad:
            self._optimizer.zero_grad()
            return
        # What `Optimizer.zero_grad` does, without its 8 µs of profiling hooks.
        for group in self._optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

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
        for parameter in self._parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(self._accumulate / num_batches)
        self._apply()

    def _parameters(self) -> list[torch.Tensor]:
        return [parameter for group in self._optimizer.param_groups for parameter in group["params"]]

    def _apply(self) -> None:
        self.has_stepped = True
        # An interrupt inside would leave some parameters stepped and others not. Whoever runs the steps opens the gate
        # again once the step is noted.
        self._gate.shut()
        if self._is_plain:
            self._optimizer_step()
        else:
            self._step_carefully()

    def _step_carefully(self) -> None:
        optimizer, scaler, clip_norm = self._optimizer, self._scaler, self._setup.clip_norm
        if clip_norm is not None:
            if scaler is not None:
                scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(self._parameters(), clip_norm)
        if scaler is None:
            self._optimizer_step()
        else:
            scaler.step(optimizer)
            scaler.update()


def with_scaler(setup: TrainingSetup) -> TrainingSetup:
    """The setup with a gradient scaler of its own, where it needs one and the person gave none."""
    if setup.amp != "fp16" or setup.scaler is not None:
        return setup
    return replace(setup, scaler=torch.amp.GradScaler(setup.target_device.type))


def _refuse_bad_loss(loss: object) -> None:
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


def failed_in_step(error: BaseException) -> bool:
    """Whether an error comes out of an update: of the optimizer's own step, mostly."""
    return any(frame.f_code is Update._apply.__code__ for frame, _ in traceback.walk_tb(error.__traceback__))  # noqa: SLF001 - this module's own
