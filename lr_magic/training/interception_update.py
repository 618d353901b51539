"""Backward and step calls in a person's own step, handed to the engine's `Update` while the step runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.training.interception_backward import backward_intercepted
from lr_magic.training.interception_methods import replaced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import nn
    from torch.optim import Optimizer

    from lr_magic.training.interception_backward import BackwardCall
    from lr_magic.training.step import Update


class UpdateCalls:
    """Watches one batch of a person's step: which losses went backward, whether the optimizer stepped.

    Parameters
    ----------
    optimizer
        The optimizer whose step is the engine's: its `step` becomes ``update.step()``.
    model
        Zeroing its gradients, or the optimizer's, forgets the losses that made them.
    scalers
        Gradient scalers of the person's own: they go on scaling, and losses are told before scaling.
    keeps_gradients
        The engine accumulates over batches, so zeroing in the step is left out.
    """

    def __init__(
        self, optimizer: Optimizer, model: nn.Module, scalers: Sequence[Any] = (), *, keeps_gradients: bool = False
    ) -> None:
        self._optimizer = optimizer
        self._model = model
        self._keeps_gradients = keeps_gradients
        self._scalers = list(scalers)
        self._unscaled: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._handed: BackwardCall | None = None
        self._is_stepping = False
        self._step_arguments: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
        self._returned: Any = None
        self._update: Update | None = None
        self.losses: list[torch.Tensor] = []
        self.has_stepped = False
        self.has_skipped_step = False
        self.has_zeroed = False

    @contextmanager
    def handed_to(self, update: Update) -> Iterator[None]:
        """Route the calls of the block to `update`."""
        self._update = update
        self.losses, self._unscaled = [], {}
        self.has_stepped = self.has_skipped_step = self.has_zeroed = False
        methods: list[tuple[Any, str, Any]] = [(self._optimizer, "step", self._step_by(self._optimizer.step))]
        methods += [(scaler, "scale", self._scale_by(scaler.scale)) for scaler in self._scalers]
        methods += [(scaler, "step", self._scaler_step_by(scaler.step)) for scaler in self._scalers]
        methods += [(owner, "zero_grad", self._zero_by(owner.zero_grad)) for owner in (self._optimizer, self._model)]
        with backward_intercepted(self._backward), replaced(methods):
            yield

    def has_no_gradients(self) -> bool:
        """Whether the optimizer's parameters hold no gradient at all."""
        return all(p.grad is None for group in self._optimizer.param_groups for p in group["params"])

    def _backward(self, call: BackwardCall) -> None:
        if self._handed is not None:
            # the engine's own call inside `update.backward`: the person's arguments, the engine's (scaled) loss
            self._handed.run(call.tensors)
            return
        unscaled = [self._unscaled.get(id(tensor)) for tensor in call.tensors]
        told = [loss if known is None else known[1].detach() for loss, known in zip(call.losses, unscaled, strict=True)]
        self.losses.extend(told)
        self._handed = call
        try:
            self._engine.backward(call.tensors[0] if len(call.tensors) == 1 else sum(call.tensors))  # type: ignore[arg-type]
        finally:
            self._handed = None

    @property
    def _engine(self) -> Update:
        if self._update is None:
            raise RuntimeError("no batch is being run")
        return self._update

    def _step_by(self, real: Any) -> Any:
        def step(*arguments: Any, **options: Any) -> Any:
            if self._is_stepping:
                self._returned = real(*self._step_arguments[0], **self._step_arguments[1])
                return self._returned
            self._is_stepping, self._step_arguments, self._returned = True, (arguments, options), None
            try:
                self._engine.step()
            finally:
                self._is_stepping = False
            self.has_stepped = True
            return self._returned

        return step

    def _scale_by(self, real: Any) -> Any:
        def scale(outputs: Any) -> Any:
            scaled = real(outputs)
            if isinstance(outputs, torch.Tensor):
                # with the scaled tensor itself, so that no other can get its id meanwhile
                self._unscaled[id(scaled)] = (scaled, outputs)
            return scaled

        return scale

    def _scaler_step_by(self, real: Any) -> Any:
        def step(optimizer: Optimizer, *arguments: Any, **options: Any) -> Any:
            stepped_before, self.has_stepped = self.has_stepped, False
            result = real(optimizer, *arguments, **options)
            # gradients that overflowed: the scaler leaves the step out, and so must the engine
            self.has_skipped_step |= not self.has_stepped
            self.has_stepped |= stepped_before
            return result

        return step

    def _zero_by(self, real: Any) -> Any:
        def zero_grad(*arguments: Any, **options: Any) -> None:
            if self._keeps_gradients:
                return
            if not self.has_stepped:
                self.losses.clear()
                self.has_zeroed = True
            real(*arguments, **options)

        return zero_grad
