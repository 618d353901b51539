"""Kinds of optimizers, as far as they differ in which rate a training wants after the same curve."""

from __future__ import annotations

from enum import StrEnum


class OptimizerKind(StrEnum):
    """What turns a gradient into a step."""

    SGD = "sgd"
    MOMENTUM = "momentum"
    ADAM = "adam"


LENGTH_EXPONENTS: dict[OptimizerKind | None, float] = {
    OptimizerKind.SGD: -0.1,
    OptimizerKind.MOMENTUM: -0.35,
    OptimizerKind.ADAM: -0.5,
    None: -0.35,
}
"""Power of a training's length that its best peak rate goes with; None is any other kind. Fitted to trainings of many
small tasks (docs/suggestion.md)."""
