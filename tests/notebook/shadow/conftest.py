from __future__ import annotations

import linecache

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def run(namespace, cell):
    name = f"<cell {len(linecache.cache)}>"
    linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
    exec(compile(cell, name, "exec"), namespace)


@pytest.fixture
def notebook():
    torch.manual_seed(1)
    images, labels = torch.randn(48, 6), torch.randint(0, 3, (48,))
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
    return {
        "__name__": "__main__",
        "__builtins__": __builtins__,
        "torch": torch,
        "nn": nn,
        "DataLoader": DataLoader,
        "dataset": TensorDataset(images, labels),
        "model": model,
        "criterion": nn.CrossEntropyLoss(),
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        "train_loader": DataLoader(TensorDataset(images, labels), batch_size=8, shuffle=True),
        "valid_loader": DataLoader(TensorDataset(images[:16], labels[:16]), batch_size=8),
        "EPOCHS": 5,
    }
