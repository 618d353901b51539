"""Small models of many kinds, none of which needs buffers, so that many copies can be trained as one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


class Mlp(nn.Sequential):
    """Linear layers; ``norm`` is none, batch or layer."""

    def __init__(
        self, num_in: int, widths: tuple[int, ...], num_out: int, activation: str = "relu", norm: str = "none"
    ) -> None:
        layers: list[nn.Module] = []
        for width in widths:
            layers.append(nn.Linear(num_in, width))
            if norm == "batch":
                layers.append(nn.BatchNorm1d(width, track_running_stats=False))
            if norm == "layer":
                layers.append(nn.LayerNorm(width))
            layers.append(ACTIVATIONS[activation]())
            num_in = width
        super().__init__(*layers, nn.Linear(num_in, num_out))


class Cnn(nn.Module):
    """Two convolutions over 8x8 images, with or without batch norm."""

    def __init__(self, width: int, num_out: int, norm: str) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.second = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        has_norm = norm == "batch"
        self.norm1 = nn.BatchNorm2d(width, track_running_stats=False) if has_norm else nn.Identity()
        self.norm2 = nn.BatchNorm2d(2 * width, track_running_stats=False) if has_norm else nn.Identity()
        self.head = nn.Linear(2 * width * 4, num_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs for a batch."""
        x = functional.relu(self.norm1(self.first(x)))
        x = functional.relu(self.norm2(self.second(x)))
        return self.head(x.reshape(x.shape[0], -1, 2, 2, 2, 2).mean((3, 5)).reshape(x.shape[0], -1))


class Recurrent(nn.Module):
    """A GRU or an LSTM over characters, written out: torch's own cannot be batched over parameters."""

    def __init__(self, num_letters: int, width: int, cell: str) -> None:
        super().__init__()
        self.cell, self.width = cell, width
        self.embedding = nn.Embedding(num_letters, 24)
        num_gates = 3 if cell == "gru" else 4
        bound = width**-0.5
        self.from_input = nn.Linear(24, num_gates * width)
        self.from_state = nn.Linear(width, num_gates * width)
        for parameter in (*self.from_input.parameters(), *self.from_state.parameters()):
            nn.init.uniform_(parameter, -bound, bound)
        self.head = nn.Linear(width, num_letters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs for a batch."""
        inputs = self.from_input(self.embedding(x)).unbind(1)
        state = memory = torch.zeros_like(inputs[0][:, : self.width])
        states = []
        for from_input in inputs:
            state, memory = self._step(from_input, state, memory)
            states.append(state)
        return self.head(torch.stack(states, 1))

    def _step(
        self, from_input: torch.Tensor, state: torch.Tensor, memory: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        from_state = self.from_state(state)
        if self.cell == "gru":
            (r1, z1, n1), (r2, z2, n2) = from_input.chunk(3, -1), from_state.chunk(3, -1)
            update = torch.sigmoid(z1 + z2)
            new = torch.tanh(n1 + torch.sigmoid(r1 + r2) * n2)
            return (1 - update) * new + update * state, memory
        i, f, g, o = (from_input + from_state).chunk(4, -1)
        memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(memory), memory


class Transformer(nn.Module):
    """Pre-norm causal blocks over characters."""

    def __init__(self, num_letters: int, width: int, length: int, num_blocks: int = 1) -> None:
        super().__init__()
        self.letters = nn.Embedding(num_letters, width)
        self.places = nn.Parameter(0.02 * torch.randn(length, width))
        self.blocks = nn.ModuleList(_Block(width) for _ in range(num_blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_letters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs for a batch."""
        hidden = self.letters(x) + self.places
        for block in self.blocks:
            hidden = block(hidden)
        return self.head(self.norm(hidden))


class _Block(nn.Module):
    def __init__(self, width: int, num_heads: int = 2) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs for a batch."""
        batch, length, width = x.shape
        q, k, v = (
            part.reshape(batch, length, self.num_heads, -1).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).chunk(3, -1)
        )
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        attended = torch.softmax(scores.masked_fill(future, -1e9), -1) @ v
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class Factors(nn.Module):
    """Matrix factorisation with biases."""

    def __init__(self, rank: int, scale: float) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(300, rank), nn.Embedding(200, rank)
        self.user_bias, self.item_bias = nn.Embedding(300, 1), nn.Embedding(200, 1)
        for table in self.children():
            nn.init.normal_(table.weight, std=scale)
        self.mean = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs for a batch."""
        user, item = x[:, 0], x[:, 1]
        product = (self.users(user) * self.items(item)).sum(1, keepdim=True)
        return product + self.user_bias(user) + self.item_bias(item) + self.mean


class Bag(nn.Module):
    """Mean of word vectors, then a small network."""

    def __init__(self, width: int, num_out: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(499, width)
        self.head = Mlp(width, (32,), num_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs for a batch."""
        return self.head(self.embedding(x).mean(1))


def build(model: str, num_in: int, num_out: int, length: int) -> nn.Module:
    """Model of a description such as ``"mlp:64,64:tanh:layer"``, ``"gru:48"`` or ``"cnn:8:batch"``."""
    kind, *parts = model.split(":")
    makers: dict[str, Callable[..., nn.Module]] = {
        "mlp": lambda widths, activation="relu", norm="none": Mlp(
            num_in, tuple(int(w) for w in widths.split(",") if w), num_out, activation, norm
        ),
        "cnn": lambda width, norm="none": Cnn(int(width), num_out, norm),
        "gru": lambda width: Recurrent(num_out, int(width), "gru"),
        "lstm": lambda width: Recurrent(num_out, int(width), "lstm"),
        "transformer": lambda width, blocks="1": Transformer(num_out, int(width), length, int(blocks)),
        "factors": lambda rank, scale: Factors(int(rank), float(scale)),
        "bag": lambda width: Bag(int(width), num_out),
    }
    return makers[kind](*parts)
