"""Backward and step calls in a person's own step, handed to the engine's `Update` while the step runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.training.intercepting.interception_backward import BackwardIntercepted
from lr_magic.training.intercepting.interception_methods import MethodsReplaced

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn
    from torch.optim import Optimizer

    from lr_magic.training.intercepting.interception_backward import BackwardCall
    from lr_magic.training.step import Update


class UpdateCalls:
    """Context manager around one batch of a person's step: its losses go backward and its optimizer steps by `update`.

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

    Attributes
    ----------
    update
        The engine's, to be set before the block.
    losses
        Those that went backward in the batch, 0-d and off the graph.
    has_stepped, has_skipped_step, has_zeroed
        Whether the optimizer stepped, a scaler left its step out, gradients were zeroed before any step.
    """

    update: Update

    def __init__(
        self, optimizer: Optimizer, model: nn.Module, scalers: Sequence[Any] = (), *, keeps_gradients: bool = False
    ) -> None:
        self._optimizer = optimizer
        self.keeps_gradients = keeps_gradients
        self._zeroing = (optimizer, model)
        self._scalers = list(scalers)
        self._backward_calls = BackwardIntercepted(self._backward)
        replacements = self._replacements()
        self._replaced = [(owner, name) for owner, name, _ in replacements]
        self._methods = MethodsReplaced(replacements)
        self._real: dict[tuple[int, str], Callable[..., Any]] = {}
        self._handed: BackwardCall | None = None
        self._is_stepping = False
        self._step_arguments: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
        self._returned: Any = None
        self._begin()

    def _begin(self) -> None:
        self.losses: list[torch.Tensor] = []
        self.has_stepped = self.has_skipped_step = self.has_zeroed = False
        self._unscaled: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def _replacements(self) -> list[tuple[Any, str, Callable[..., Any]]]:
        found: list[tuple[Any, str, Callable[..., Any]]] = [(self._optimizer, "step", self._step)]
        found += [(owner, "zero_grad", partial(self._zero_grad, owner)) for owner in self._zeroing]
        for scaler in self._scalers:
            found += [
                (scaler, "scale", partial(self._scale, scaler)),
                (scaler, "step", partial(self._step_of_scaler, scaler)),
            ]
        return found

    def __enter__(self) -> None:
        self._begin()
        # looked up anew each time: a scheduler that is made meanwhile wraps `step`
        self._real = {(id(owner), name): getattr(owner, name) for owner, name in self._replaced}
        self._backward_calls.__enter__()
        self._methods.__enter__()

    def __exit__(self, *_: object) -> None:
        self._methods.__exit__()
        self._backward_calls.__exit__()

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
            self.update.backward(call.tensors[0] if len(call.tensors) == 1 else sum(call.tensors))  # type: ignore[arg-type]
        finally:
            self._handed = None

    def _step(self, *arguments: Any, **options: Any) -> Any:
        if self._is_stepping:
            given, named = self._step_arguments
            self._returned = self._real[id(self._optimizer), "step"](*given, **named)
            return self._returned
        self._is_stepping, self._step_arguments, self._returned = True, (arguments, options), None
        try:
            self.update.step()
        finally:
            self._is_stepping = False
        self.has_stepped = True
        return self._returned

    def _scale(self, scaler: Any, outputs: Any) -> Any:
        scaled = self._real[id(scaler), "scale"](outputs)
        if isinstance(outputs, torch.Tensor):
            # with the scaled tensor itself, so that no other can get its id meanwhile
            self._unscaled[id(scaled)] = (scaled, outputs)
        return scaled

    def _step_of_scaler(self, scaler: Any, optimizer: Optimizer, *arguments: Any, **options: Any) -> Any:
        stepped_before, self.has_stepped = self.has_stepped, False
        result = self._real[id(scaler), "step"](optimizer, *arguments, **options)
        # gradients that overflowed: the scaler leaves the step out, and so must the engine
        self.has_skipped_step |= not self.has_stepped
        self.has_stepped |= stepped_before
        return result

    def _zero_grad(self, owner: Any, *arguments: Any, **options: Any) -> None:
        if self.keeps_gradients:
            return
        if not self.has_stepped:
            self.losses.clear()
            self.has_zeroed = True
        self._real[id(owner), "zero_grad"](*arguments, **options)
