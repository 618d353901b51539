"""Train many copies of a small model at once, each at its own learning rate: the grids cost seconds, not hours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.func import functional_call, grad_and_value, vmap
from torch.nn import functional

if TYPE_CHECKING:
    from benchmarks.regret.datasets import Data

Parameters = dict[str, torch.Tensor]


def loss_of(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    if targets.dtype == torch.int64:
        return functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())
    return functional.mse_loss(outputs, targets)


@dataclass
class Optimizer:
    """SGD (with momentum) or Adam(W) as in torch, over a leading axis of runs, each with its own rate."""

    kind: str
    weight_decay: float = 0.0
    first: Parameters = field(default_factory=dict)
    second: Parameters = field(default_factory=dict)
    num_steps: int = 0

    @property
    def has_momentum(self) -> bool:
        """Whether there is a momentum to cycle."""
        return self.kind != "sgd"

    @torch.no_grad()
    def step(self, parameters: Parameters, grads: Parameters, lrs: torch.Tensor, momentum: float = 0.9) -> None:
        """Update every run in place, each by its own rate."""
        self.num_steps += 1
        for name, value in parameters.items():
            lr = lrs.reshape(-1, *[1] * (value.dim() - 1))
            is_adam = self.kind.startswith("adam")
            if self.weight_decay and is_adam:
                value.mul_(1 - lr * self.weight_decay)
            gradient = grads[name] if is_adam or not self.weight_decay else grads[name] + self.weight_decay * value
            value.sub_(lr * (self._adam if is_adam else self._sgd)(name, gradient, momentum))

    def _sgd(self, name: str, gradient: torch.Tensor, momentum: float) -> torch.Tensor:
        if not self.has_momentum:
            return gradient
        buffer = self.first.get(name)
        self.first[name] = gradient.clone() if buffer is None else buffer.mul_(momentum).add_(gradient)
        return self.first[name]

    def _adam(self, name: str, gradient: torch.Tensor, beta1: float) -> torch.Tensor:
        if name not in self.first:
            self.first[name], self.second[name] = torch.zeros_like(gradient), torch.zeros_like(gradient)
        mean = self.first[name].lerp_(gradient, 1 - beta1)
        square = self.second[name].mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        root = square.sqrt() / (1 - 0.999**self.num_steps) ** 0.5
        return mean / (1 - beta1**self.num_steps) / (root + 1e-8)


class Runs:
    """Copies of one model, trained side by side; run i starts from `initial[i]` and reads batches of order `orders[i]`.

    Runs with the same start and the same order are pairs: they differ in the rate alone.
    """

    def __init__(
        self,
        model: nn.Module,
        initial: list[Parameters],
        orders: list[int],
        *,
        data: Data,
        batch_size: int,
        optimizer: Optimizer,
    ) -> None:
        self.model, self.data, self.batch_size, self.optimizer = model, data, batch_size, optimizer
        self.parameters = {name: torch.stack([start[name] for start in initial]) for name in initial[0]}
        self.streams = {order: self._stream(order) for order in set(orders)}
        self.orders = orders
        self._grad = vmap(grad_and_value(self._loss))
        self._value = vmap(self._loss)

    def _stream(self, order: int):
        generator = torch.Generator().manual_seed(order)
        while True:
            yield from torch.randperm(len(self.data.train_x), generator=generator).split(self.batch_size)

    def _loss(self, parameters: Parameters, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return loss_of(functional_call(self.model, parameters, (x,)), y)

    def next_batches(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw the next batch of each run."""
        drawn = {order: next(stream) for order, stream in self.streams.items()}
        drawn = {order: index if len(index) == self.batch_size else next(self.streams[order])
                 for order, index in drawn.items()}  # fmt: skip
        index = torch.stack([drawn[order] for order in self.orders])
        return self.data.train_x[index], self.data.train_y[index]

    def step(
        self, lrs: torch.Tensor, momentum: float = 0.9, *, with_after: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Loss of each run before its update, and on the same batch after it."""
        x, y = self.next_batches()
        grads, losses = self._grad(self.parameters, x, y)
        self.optimizer.step(self.parameters, grads, lrs, momentum)
        with torch.no_grad():
            return losses, self._value(self.parameters, x, y) if with_after else None

    @torch.no_grad()
    def valid_losses(self) -> torch.Tensor:
        """Compute each run's loss on all validation data."""
        value = vmap(self._loss, in_dims=(0, None, None), chunk_size=16)
        return value(self.parameters, self.data.valid_x, self.data.valid_y)
