"""The body as a forward pass: every updating call left out, as validation needs it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from lr_magic.notebook.body.loss_check import checked_loss
from lr_magic.notebook.body.quiet import Quiet
from lr_magic.notebook.body.scalars import followed_scalars
from lr_magic.pure.errors import DiscoveryError
from lr_magic.training.intercepting.interception_backward import BackwardIntercepted
from lr_magic.training.intercepting.interception_methods import MethodsReplaced, gradients_aside, nothing
from lr_magic.training.setup import BatchOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from lr_magic.notebook.body.body_run import BodyRun
    from lr_magic.notebook.body.training_body import TrainingBody
    from lr_magic.training.intercepting.interception_backward import BackwardCall


class ForwardBody:
    """`compute_loss` of a setup: the same body with every updating call left out, as validation needs it."""

    def __init__(self, run: BodyRun, model: nn.Module, left_out: list[tuple[Any, str]], training: TrainingBody) -> None:
        self._run = run
        self._model = model
        self._left_out: list[tuple[Any, str, Any]] = [(value, name, nothing) for value, name in left_out]
        self._left_out += [
            (value, "scale", _itself) for value, _ in left_out if isinstance(value, torch.amp.GradScaler)
        ]
        self._training = training

    def __call__(self, batch: Any) -> BatchOutcome:
        """Loss and metrics of a batch; nothing is updated."""
        losses: list[torch.Tensor] = []
        with Quiet(), MethodsReplaced(self._left_out), gradients_aside(self._model), _backward_noted(losses), no_step():
            loss, metrics = self._run.run(batch)
        followed = followed_scalars(metrics, [*losses, loss])
        if not losses:
            return BatchOutcome(checked_loss(loss, self._run.body.magic), followed)
        # a share of the step's loss, where the body divides by the batches of a step
        total = torch.stack(losses).sum() * self._training.batches_per_step
        return BatchOutcome(total, followed)


def _itself(loss: torch.Tensor) -> torch.Tensor:
    return loss


@contextmanager
def _backward_noted(losses: list[torch.Tensor]) -> Iterator[None]:
    def note(call: BackwardCall) -> None:
        losses.extend(call.losses_on_graph)

    with BackwardIntercepted(note):
        yield


@contextmanager
def no_step() -> Iterator[None]:
    """Refuse the step of an optimizer that nobody knew of: validation data must never train anything."""

    def refuse(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        raise DiscoveryError(
            f"The body steps a {type(optimizer).__name__} that is made or kept where it cannot be left out, so the "
            "validation data would have been trained on. → run without --valid, or name the optimizer in the notebook"
        )

    handle = register_optimizer_step_pre_hook(refuse)
    try:
        yield
    finally:
        handle.remove()
