"""The three trainings that everything is measured on, and the loops that someone would write by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Workload:
    """A model with data; `fresh` gives a model in its first state and an optimizer without state."""

    name: str
    make_model: Callable[[], nn.Module]
    data: TensorDataset
    batch_size: int

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        self.model = self.make_model()
        self._first = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self.loss_fn = nn.CrossEntropyLoss()

    def fresh(self) -> tuple[nn.Module, torch.optim.Optimizer, DataLoader]:
        """Model in its first state, optimizer without state, loader."""
        self.model.load_state_dict(self._first)
        self.model.train()
        for parameter in self.model.parameters():
            parameter.grad = None
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        return self.model, optimizer, DataLoader(self.data, self.batch_size, shuffle=True, drop_last=True)

    @property
    def num_parameters(self) -> int:
        """Number of parameters of the model."""
        return sum(parameter.numel() for parameter in self.model.parameters())


def mlp() -> Workload:
    generator = torch.Generator().manual_seed(0)
    data = TensorDataset(torch.randn(1792, 64, generator=generator), torch.randint(10, (1792,), generator=generator))
    return Workload("MLP", lambda: nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)), data, 64)


def cnn() -> Workload:
    def make() -> nn.Module:
        layers: list[nn.Module] = []
        for before, after in ((1, 24), (24, 48), (48, 96), (96, 58)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(58, 10))

    generator = torch.Generator().manual_seed(0)
    images = torch.randn(1024, 1, 16, 16, generator=generator)
    return Workload("CNN", make, TensorDataset(images, torch.randint(10, (1024,), generator=generator)), 32)


class CharacterTransformer(nn.Module):
    """Four pre-norm blocks over characters."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(96, 160)
        layer = nn.TransformerEncoderLayer(160, 4, 640, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.head = nn.Linear(160, 96)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Classify sequences of characters."""
        return self.head(self.encoder(self.embedding(x)).mean(1))


def transformer() -> Workload:
    generator = torch.Generator().manual_seed(0)
    data = TensorDataset(
        torch.randint(96, (256, 32), generator=generator), torch.randint(96, (256,), generator=generator)
    )
    return Workload("transformer", CharacterTransformer, data, 4)


def bare_sweep(
    workload: Workload, num_steps: int, start_lr: float, end_lr: float, *, reads: bool = True
) -> list[float]:
    """The range test that someone would write by hand."""
    model, optimizer, loader = workload.fresh()
    ratio = (end_lr / start_lr) ** (1 / (num_steps - 1))
    losses, lr, batches = [], start_lr, iter(loader)
    for _ in range(num_steps):
        try:
            x, y = next(batches)
        except StopIteration:
            batches = iter(loader)
            x, y = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        loss = workload.loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item() if reads else loss.detach())
        lr *= ratio
    return losses


def bare_one_cycle(workload: Workload, max_lr: float) -> list[float]:
    """One epoch of one-cycle training that someone would write by hand."""
    model, optimizer, loader = workload.fresh()
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr, total_steps=len(loader))
    losses = []
    for x, y in loader:
        optimizer.zero_grad()
        loss = workload.loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses
