"""Tiny models, loaders and setups for the tests of the torch ring."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lr_magic.training.setup import TrainingSetup

# Where the models of small setups are put; the fixture `each_device` changes it for a test.
place = SimpleNamespace(device=torch.device("cpu"))


def small_data(num_samples: int = 96) -> TensorDataset:
    generator = torch.Generator().manual_seed(7)
    inputs = torch.randn(num_samples, 6, generator=generator)
    return TensorDataset(inputs, (inputs[:, 0] > 0).long())


def small_model() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))
    return model.to(place.device)


def accuracy(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (output.argmax(1) == target).float().mean()


def small_setup(*, optimizer=torch.optim.AdamW, lr=1e-3, loader=None, model=None, **options) -> TrainingSetup:
    model = small_model() if model is None else model.to(place.device)
    loader = DataLoader(small_data(), batch_size=16, shuffle=True) if loader is None else loader
    return TrainingSetup.supervised(
        model, optimizer(model.parameters(), lr=lr), loader, nn.CrossEntropyLoss(), **options
    )
