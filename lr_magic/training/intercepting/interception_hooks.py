"""Every optimizer step of the process, seen before and after: patches and hooks, all of them undone afterwards."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from lr_magic.training.intercepting.interception_backward import BackwardIntercepted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lr_magic.training.intercepting.interception_backward import BackwardCall


class StepListener(Protocol):
    """What is told about every backward pass and every step."""

    def backward(self, call: BackwardCall) -> None:
        """Run a backward pass."""

    def scaled(self, scaled: torch.Tensor, loss: torch.Tensor) -> None:
        """A gradient scaler has scaled a loss."""

    def before_step(self, optimizer: Any) -> None:
        """An optimizer is about to step."""

    def after_step(self, optimizer: Any) -> None:
        """An optimizer has stepped."""

    def dropped(self, optimizer: Any) -> None:
        """An optimizer's gradients were zeroed, or overflowed so that a scaler left its step out."""


@contextmanager
def steps_told_to(listener: StepListener) -> Iterator[None]:
    """Tell `listener` about every backward pass and optimizer step of the block."""
    with ExitStack() as stack:
        stack.enter_context(BackwardIntercepted(listener.backward))
        for register, tell in (
            (register_optimizer_step_pre_hook, listener.before_step),
            (register_optimizer_step_post_hook, listener.after_step),
        ):
            handle = register(_as_hook(tell))
            stack.callback(handle.remove)
        stack.enter_context(method_wrapped(torch.amp.GradScaler, "scale", _telling_scale(listener)))
        stack.enter_context(method_wrapped(torch.amp.GradScaler, "step", _telling_scaler_step(listener)))
        stack.enter_context(method_wrapped(torch.optim.Optimizer, "zero_grad", _telling_zero_grad(listener)))
        fastai = sys.modules.get("fastai.optimizer")
        if fastai is not None:
            # fastai's own optimizers derive from nothing of torch, so no hook of torch fires for them
            stack.enter_context(method_wrapped(fastai.Optimizer, "step", _telling_step(listener)))
            stack.enter_context(method_wrapped(fastai.Optimizer, "zero_grad", _telling_zero_grad(listener)))
        yield


@contextmanager
def method_wrapped(owner: type, name: str, wrap: Callable[[Any], Any]) -> Iterator[None]:
    """Replace a method of a class for the block."""
    own = owner.__dict__[name]
    setattr(owner, name, wrap(own))
    try:
        yield
    finally:
        setattr(owner, name, own)


def _as_hook(tell: Callable[[Any], None]) -> Any:
    def hook(optimizer: torch.optim.Optimizer, arguments: Any, options: Any) -> None:  # noqa: ARG001
        tell(optimizer)

    return hook


def _telling_step(listener: StepListener) -> Any:
    def wrap(real: Any) -> Any:
        def step(self: Any, *arguments: Any, **options: Any) -> Any:
            listener.before_step(self)
            result = real(self, *arguments, **options)
            listener.after_step(self)
            return result

        return step

    return wrap


def _telling_zero_grad(listener: StepListener) -> Any:
    def wrap(real: Any) -> Any:
        def zero_grad(self: Any, *arguments: Any, **options: Any) -> Any:
            listener.dropped(self)
            return real(self, *arguments, **options)

        return zero_grad

    return wrap


def _telling_scale(listener: StepListener) -> Any:
    def wrap(real: Any) -> Any:
        def scale(self: Any, outputs: Any) -> Any:
            scaled = real(self, outputs)
            if isinstance(outputs, torch.Tensor):
                listener.scaled(scaled, outputs)
            return scaled

        return scale

    return wrap


def _telling_scaler_step(listener: StepListener) -> Any:
    def wrap(real: Any) -> Any:
        def step(self: Any, optimizer: Any, *arguments: Any, **options: Any) -> Any:
            result = real(self, optimizer, *arguments, **options)
            listener.dropped(optimizer)
            return result

        return step

    return wrap
