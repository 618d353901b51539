"""The nine classic tasks as objects to train: those whose grid of trainings `nine_tasks` reads.

Rebuilt from their description (data, split, widths, batch, length); what that leaves open is as torch has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pydoc_data import topics
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn import datasets
from torch import nn

from benchmarks.regret.datasets import Data
from benchmarks.regret.models import Mlp
from benchmarks.regret.tasks import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.regret.many_trainings import Parameters

_NUM_STARTS = 3


@dataclass(frozen=True)
class ClassicTask:
    """A task, how its data are read and how its model is built."""

    task: Task
    read: Callable[[], Data]
    build: Callable[[Data], nn.Module]


class ClassicWorkbench:
    """A classic task with its data and the states that its trainings start from."""

    def __init__(self, classic: ClassicTask) -> None:
        self.task = classic.task
        self.data = classic.read()
        self._build = classic.build
        self.model = classic.build(self.data)
        self.starts = [self._start(seed) for seed in range(_NUM_STARTS)]

    def _start(self, seed: int) -> Parameters:
        torch.manual_seed(seed)
        return {name: value.detach().clone() for name, value in self._build(self.data).named_parameters()}


def _split(x: np.ndarray, y: np.ndarray, num_out: int) -> Data:
    """A quarter of the samples, in the order of ``RandomState(0)``, for validation."""
    order = np.random.RandomState(0).permutation(len(x))
    held, rest = np.split(order, [len(x) // 4])
    x_all, y_all = torch.as_tensor(x), torch.as_tensor(y)
    return Data(x_all[rest], y_all[rest], x_all[held], y_all[held], num_out)


def _standardised(loaded: datasets.Bunch) -> Data:
    x = (loaded.data - loaded.data.mean(0)) / loaded.data.std(0)
    return _split(x.astype(np.float32), loaded.target.astype(np.int64), len(loaded.target_names))


def _digits(shape: tuple[int, ...]) -> Data:
    loaded = datasets.load_digits()
    x = (loaded.data / 16).astype(np.float32).reshape(-1, *shape)
    return _split(x, loaded.target.astype(np.int64), 10)


def _diabetes() -> Data:
    loaded = datasets.load_diabetes()
    x = (loaded.data / loaded.data.std(0)).astype(np.float32)
    return _split(x, loaded.target[:, None].astype(np.float32), 1)


def _characters(length: int) -> Data:
    letters, codes = np.unique(list("".join(topics.topics.values())), return_inverse=True)
    starts = np.random.RandomState(0).randint(0, len(codes) - length - 1, 4000)
    windows = codes.astype(np.int64)[starts[:, None] + np.arange(length + 1)]
    return _split(windows[:, :-1], windows[:, 1:], len(letters))


def _ratings() -> Data:
    rng = np.random.RandomState(0)
    users, items = rng.randint(0, 400, 24_000), rng.randint(0, 250, 24_000)
    u, v = 0.6 * rng.normal(size=(400, 5)), 0.6 * rng.normal(size=(250, 5))
    y = 3.5 + (u[users] * v[items]).sum(1) + 0.4 * rng.normal(size=24_000)
    return _split(np.stack([users, items], 1), y[:, None].astype(np.float32), 1)


def _ill_conditioned() -> Data:
    rng = np.random.RandomState(0)
    scales = np.geomspace(1, 1e-2, 50)
    x = rng.normal(size=(3000, 50)) * scales
    y = x @ (rng.normal(size=(50, 1)) / np.sqrt(scales)[:, None]) + 0.2 * rng.normal(size=(3000, 1))
    return _split(x.astype(np.float32), y.astype(np.float32), 1)


def _mlp(*widths: int) -> Callable[[Data], nn.Module]:
    return lambda data: Mlp(data.train_x.shape[1], widths, data.num_out)


def _convolutions(data: Data) -> nn.Module:
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
        nn.Sequential(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AvgPool2d(2)),
        nn.Sequential(nn.Flatten(), nn.Linear(32 * 4, data.num_out)),
    )


class CharTransformer(nn.Module):
    """Two pre-norm causal blocks of torch's own."""

    def __init__(self, num_letters: int, length: int) -> None:
        super().__init__()
        self.letters = nn.Embedding(num_letters, 64)
        self.places = nn.Parameter(0.02 * torch.randn(length, 64))
        block = {"dim_feedforward": 256, "dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
        self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(64, 4, **block) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(64), nn.Linear(64, num_letters)
        self.register_buffer("future", nn.Transformer.generate_square_subsequent_mask(length), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores of the next letter at each place."""
        hidden = self.letters(x) + self.places
        for block in self.blocks:
            hidden = block(hidden, self.future, is_causal=True)
        return self.head(self.norm(hidden))


class CharLstm(nn.Module):
    """One LSTM of torch's own."""

    def __init__(self, num_letters: int) -> None:
        super().__init__()
        self.letters, self.lstm = nn.Embedding(num_letters, 32), nn.LSTM(32, 96, batch_first=True)
        self.head = nn.Linear(96, num_letters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores of the next letter at each place."""
        return self.head(self.lstm(self.letters(x))[0])


class RatingFactors(nn.Module):
    """Matrix factorisation of rank 8 with biases and a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(400, 8), nn.Embedding(250, 8)
        self.user_bias, self.item_bias = nn.Embedding(400, 1), nn.Embedding(250, 1)
        for table in self.children():
            nn.init.normal_(table.weight, std=0.1)
        self.mean = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the ratings of pairs (user, item)."""
        user, item = x[:, 0], x[:, 1]
        product = (self.users(user) * self.items(item)).sum(1, keepdim=True)
        return product + self.user_bias(user) + self.item_bias(item) + self.mean


def _task(name: str, weight_decay: float, batch_size: int, steps: int) -> Task:
    """Task whose optimizer is the end of its name."""
    optimizer = name.rpartition("_")[2]
    return Task(name, "classic", "", optimizer, weight_decay, batch_size, steps, seed=0, num_seeds=_NUM_STARTS)


def classic_tasks() -> list[ClassicTask]:
    """The nine, in the order of their description."""
    return [
        ClassicTask(_task("digits_mlp_sgdm", 0.0, 64, 220), lambda: _digits((64,)), _mlp(128, 128)),
        ClassicTask(_task("digits_cnnbn_adamw", 1e-2, 64, 132), lambda: _digits((1, 8, 8)), _convolutions),
        ClassicTask(_task("wine_mlp_sgd", 0.0, 16, 270), lambda: _standardised(datasets.load_wine()), _mlp(32)),
        ClassicTask(
            _task("cancer_mlp_adamw", 1e-2, 32, 210), lambda: _standardised(datasets.load_breast_cancer()), _mlp(32, 32)
        ),
        ClassicTask(_task("diabetes_rawy_adam", 0.0, 32, 300), _diabetes, _mlp(32, 32)),
        ClassicTask(
            _task("char_tf_adamw", 1e-2, 16, 240), lambda: _characters(64), lambda d: CharTransformer(d.num_out, 64)
        ),
        ClassicTask(_task("char_lstm_sgdm", 0.0, 24, 200), lambda: _characters(48), lambda d: CharLstm(d.num_out)),
        ClassicTask(_task("mf_adam", 0.0, 256, 568), _ratings, lambda _: RatingFactors()),
        ClassicTask(_task("illcond_lin_sgdm", 0.0, 32, 710), _ill_conditioned, _mlp()),
    ]
