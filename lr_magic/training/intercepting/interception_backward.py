"""Backward passes that a person's code starts itself: seen, and handed to whoever asks, while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.training.interrupts import hold_interrupts_in

if TYPE_CHECKING:
    from collections.abc import Callable

    BackwardFunction = Callable[..., None]


@dataclass
class BackwardCall:
    """One call of backward as the person wrote it.

    Attributes
    ----------
    tensors
        The losses: one, but for ``torch.autograd.backward([a, b])``.
    """

    tensors: tuple[torch.Tensor, ...]
    _arguments: tuple[Any, ...]
    _options: dict[str, Any]
    _real: BackwardFunction

    @property
    def losses(self) -> list[torch.Tensor]:
        """The losses as numbers: 0-d, off the graph; one with a gradient of its own counts by it."""
        return [loss.detach() for loss in self.losses_on_graph]

    @property
    def losses_on_graph(self) -> list[torch.Tensor]:
        """The losses, 0-d, for whoever goes backward in the person's place."""
        weights = self._arguments[0] if self._arguments else self._options.get("grad_tensors")
        if weights is None and len(self.tensors) == 1:
            return [_as_scalar(self.tensors[0], None)]
        weights = [weights] if weights is None or isinstance(weights, torch.Tensor) else list(weights)
        padded = [*weights, *([None] * len(self.tensors))]
        return [_as_scalar(tensor, weight) for tensor, weight in zip(self.tensors, padded, strict=False)]

    def run(self, tensors: Any = None) -> None:
        """Run it with the person's own arguments (``retain_graph=True``, …), if need be on other tensors."""
        self._real(self.tensors if tensors is None else tensors, *self._arguments, **self._options)


def _as_scalar(tensor: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
    loss = tensor
    if type(loss) is not torch.Tensor:
        # a framework's own tensor class (fastai's) would follow the loss into every sum
        loss = loss.as_subclass(torch.Tensor)
    if weight is not None:
        return (loss * weight).sum()
    return loss if loss.ndim == 0 else loss.sum()


class BackwardIntercepted:
    """Context manager: `handle` is called in place of every backward pass started in its block, and may run it.

    Only the function of ``torch.autograd`` is replaced: `Tensor.backward` calls it, and giving the class of all
    tensors a new attribute again and again would slow down every look-up on tensors for good (since Python 3.12 a
    class may change a thousand times before its look-ups are no longer remembered).
    """

    def __init__(self, handle: Callable[[BackwardCall], None]) -> None:
        self._handle = handle
        self._real: BackwardFunction | None = None

    def __enter__(self) -> None:
        self._real, torch.autograd.backward = torch.autograd.backward, self._intercepted

    def __exit__(self, *_: object) -> None:
        if self._real is not None:
            torch.autograd.backward, self._real = self._real, None

    def _intercepted(self, tensors: Any, *arguments: Any, **options: Any) -> None:
        as_tuple = (tensors,) if isinstance(tensors, torch.Tensor) else tuple(tensors)
        self._handle(BackwardCall(as_tuple, arguments, options, self._real or torch.autograd.backward))


# The function of torch must not stay replaced where an interrupt arrives in between.
hold_interrupts_in(BackwardIntercepted.__enter__.__code__)
hold_interrupts_in(BackwardIntercepted.__exit__.__code__)
