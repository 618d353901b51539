"""Small data sets, all of them on every machine: shipped with scikit-learn or Python, or drawn from a seed."""

from __future__ import annotations

import argparse
import ast
import asyncio.events
import datetime as dt
import decimal
import email.message
import inspect
import logging
import tarfile
from dataclasses import dataclass
from functools import cache
from pydoc_data import topics
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn import datasets

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Data:
    """Inputs and targets, split into training and validation."""

    train_x: torch.Tensor
    train_y: torch.Tensor
    valid_x: torch.Tensor
    valid_y: torch.Tensor
    num_out: int


def _split(x: np.ndarray, y: np.ndarray, num_out: int, *, seed: int = 0, most_valid: int = 500) -> Data:
    order = np.random.default_rng(seed).permutation(len(x))
    num_valid = min(most_valid, len(x) // 4)
    x_all, y_all = torch.as_tensor(x[order]), torch.as_tensor(y[order])
    return Data(x_all[num_valid:], y_all[num_valid:], x_all[:num_valid], y_all[:num_valid], num_out)


def _standardised(x: np.ndarray) -> np.ndarray:
    return ((x - x.mean(0)) / (x.std(0) + 1e-8)).astype(np.float32)


def shipped(name: str, seed: int) -> Data:
    loaded = getattr(datasets, f"load_{name}")()
    x = (loaded.data / 16).astype(np.float32) if name == "digits" else _standardised(loaded.data)
    return _split(x, loaded.target.astype(np.int64), len(loaded.target_names), seed=seed)


def images(_name: str, seed: int) -> Data:
    loaded = datasets.load_digits()
    x = (loaded.images / 16).astype(np.float32)[:, None]
    return _split(x, loaded.target.astype(np.int64), 10, seed=seed)


def noisy_labels(name: str, seed: int) -> Data:
    """Digits or a teacher's classes, a fifth of the training labels drawn at random."""
    data = shipped("digits", seed) if name == "digits" else teacher("classes", seed)
    generator = torch.Generator().manual_seed(seed)
    wrong = torch.rand(len(data.train_y), generator=generator) < 0.2
    labels = torch.randint(data.num_out, (len(data.train_y),), generator=generator)
    return Data(data.train_x, torch.where(wrong, labels, data.train_y), data.valid_x, data.valid_y, data.num_out)


def diabetes(name: str, seed: int) -> Data:
    loaded = datasets.load_diabetes()
    y = loaded.target[:, None].astype(np.float32)
    return _split(_standardised(loaded.data), y if name == "raw" else (y - y.mean()) / y.std(), 1, seed=seed)


def teacher(name: str, seed: int) -> Data:
    """Labels or targets of a random two-layer network; `raw` targets are large, `scaled` inputs have unequal scales."""
    rng = np.random.default_rng(seed)
    dim = int(rng.choice([10, 20, 40]))
    x = rng.normal(size=(3000, dim))
    hidden = np.maximum(x @ rng.normal(size=(dim, 16)) / np.sqrt(dim), 0)
    if name == "scaled":
        x = x * np.geomspace(1, 0.05, dim)
    if name == "classes":
        num_out = int(rng.choice([3, 8]))
        scores = hidden @ rng.normal(size=(16, num_out)) + rng.gumbel(size=(3000, num_out)) * 0.3
        return _split(x.astype(np.float32), scores.argmax(1), num_out, seed=seed)
    y = hidden @ rng.normal(size=(16, 1)) + 0.3 * rng.normal(size=(3000, 1))
    y = 100 + 30 * y if name == "raw" else y / y.std()
    return _split(x.astype(np.float32), y.astype(np.float32), 1, seed=seed)


def linear(name: str, seed: int) -> Data:
    """Linear or logistic regression with scales from 1 to 1e-2 (`hard`) or 0.2 (`mild`)."""
    rng = np.random.default_rng(seed)
    scales = np.geomspace(1, 1e-2 if name.startswith("hard") else 0.2, 40)
    x = rng.normal(size=(3000, 40)) * scales
    y = x @ (rng.normal(size=(40, 1)) / np.sqrt(scales)[:, None]) + 0.1 * rng.normal(size=(3000, 1))
    if name.endswith("logistic"):
        return _split(x.astype(np.float32), (y[:, 0] > 0).astype(np.int64), 2, seed=seed)
    return _split(x.astype(np.float32), y.astype(np.float32), 1, seed=seed)


def autoencoder(_name: str, seed: int) -> Data:
    data = shipped("digits", seed)
    return Data(data.train_x, data.train_x, data.valid_x, data.valid_x, 64)


@cache
def _characters() -> tuple[np.ndarray, int]:
    text = "".join(topics.topics.values())[:150_000]
    letters, codes = np.unique(list(text), return_inverse=True)
    return codes.astype(np.int64), len(letters)


def characters(name: str, seed: int) -> Data:
    """Windows of Python's own documentation, the target being the next character; `name` is their length."""
    codes, num_letters = _characters()
    length = int(name)
    starts = np.random.default_rng(seed).integers(0, len(codes) - length - 1, 3200)
    windows = codes[starts[:, None] + np.arange(length + 1)]
    return _split(windows[:, :-1], windows[:, 1:], num_letters, seed=seed, most_valid=150)


def ratings(name: str, seed: int) -> Data:
    """Ratings of 300 users for 200 items, of rank 4; `name` is the noise."""
    rng = np.random.default_rng(seed)
    users, items = rng.integers(0, 300, 15_000), rng.integers(0, 200, 15_000)
    u, v = rng.normal(size=(300, 4)), rng.normal(size=(200, 4))
    y = 3.5 + (u[users] * v[items]).sum(1) / 2 + float(name) * rng.normal(size=15_000)
    return _split(np.stack([users, items], 1), y[:, None].astype(np.float32), 1, seed=seed, most_valid=2000)


def words(_name: str, seed: int) -> Data:
    """Windows of twenty words of the source of a module of the standard library; the target is which module."""
    modules = (argparse, ast, asyncio.events, dt, decimal, email.message, logging, tarfile)
    rng = np.random.default_rng(seed)
    x, y = [], []
    for label, module in enumerate(modules):
        tokens = inspect.getsource(module).split()
        codes = np.array([sum(map(ord, token)) * 31 % 499 for token in tokens])
        starts = rng.integers(0, max(1, len(codes) - 20), 350)
        x += [np.resize(codes[start : start + 20], 20) for start in starts]
        y += [label] * 350
    return _split(np.stack(x).astype(np.int64), np.array(y), len(modules), seed=seed)


SOURCES: dict[str, Callable[[str, int], Data]] = {
    source.__name__: source
    for source in (
        shipped, images, noisy_labels, diabetes, teacher, linear, autoencoder, characters, ratings, words,
    )
}  # fmt: skip


def load(source: str, seed: int) -> Data:
    """Data of a source such as ``"shipped:wine"``."""
    kind, _, name = source.partition(":")
    return SOURCES[kind](name, seed)
