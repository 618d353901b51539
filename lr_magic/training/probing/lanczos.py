"""The largest eigenvalue of a symmetric operator on lists of tensors, from a few applications of it."""

from __future__ import annotations

import math
from itertools import starmap
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Tensors = list[torch.Tensor]


def largest_eigenvalue(product: Callable[[Tensors], Tensors], like: Sequence[torch.Tensor], num_products: int) -> float:
    """Estimate the largest eigenvalue of a symmetric operator by Lanczos' three-term recursion, from below.

    Keeps three vectors, however many products: without reorthogonalisation the largest eigenvalue may appear more than
    once in the small matrix, which does no harm here.

    Parameters
    ----------
    product
        The operator: a list of tensors to a list of tensors of the same shapes.
    like
        Tensors whose shapes, type and device the vectors have.
    num_products
        Applications of the operator, >= 1.

    References
    ----------
    Paige 1972, "Computational Variants of the Lanczos Method", algorithm A1.
    """
    generator = torch.Generator().manual_seed(0)
    draw = [torch.randn(p.shape, generator=generator).to(p) for p in like]
    current, previous, beta = _scaled(draw, 1 / _norm(draw)), [torch.zeros_like(v) for v in draw], 0.0
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(num_products):
        new = product(current)
        alpha = float(sum(starmap(_dot, zip(new, current, strict=True))))
        new = [n - alpha * c - beta * p for n, c, p in zip(new, current, previous, strict=True)]
        diagonal.append(alpha)
        beta = _norm(new)
        if not beta > 1e-10 * max(map(abs, diagonal)):
            break
        beside.append(beta)
        current, previous = _scaled(new, 1 / beta), current
    off = torch.tensor(beside[: len(diagonal) - 1], dtype=torch.float64)
    matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64)) + torch.diag(off, 1) + torch.diag(off, -1)
    return float(torch.linalg.eigvalsh(matrix)[-1]) if matrix.isfinite().all() else math.inf


def _dot(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a * b).sum())


def _norm(vector: Tensors) -> float:
    return math.sqrt(sum(_dot(v, v) for v in vector))


def _scaled(vector: Tensors, factor: float) -> Tensors:
    return [factor * v for v in vector]
