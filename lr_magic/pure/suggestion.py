"""A learning rate for the training to come, read off the curve of a range test, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lr_magic.pure.curve import Curve, read_points
from lr_magic.pure.errors import NoSuggestionError, SettingError
from lr_magic.pure.rules import minimum, robust_minimum, steepest, valley

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEFAULT_RULE = "robust"

RULES: dict[str, Callable[[Curve], float]] = {
    DEFAULT_RULE: robust_minimum,
    "valley": valley,
    "steepest": steepest,
    "minimum": minimum,
}


@dataclass(frozen=True)
class Suggestion:
    """A learning rate read off a curve.

    Attributes
    ----------
    rule
        Name of the rule.
    lr
        Peak learning rate for a one-cycle training, > 0.
    interval
        Lowest and highest rate that the curve supports about as well, or None where the rule has no interval.
    """

    rule: str
    lr: float
    interval: tuple[float, float] | None = None


def suggest(
    lrs: Sequence[float] | np.ndarray,
    losses: Sequence[float] | np.ndarray,
    *,
    rule: str = DEFAULT_RULE,
    training_steps: int | None = None,
) -> Suggestion:
    """Read a learning rate off the raw losses of a range test.

    Neither the scale nor the shift of the losses matters.

    Parameters
    ----------
    lrs, losses
        (n,) each: the rates of the sweep, rising and > 0, and the raw losses.
    rule
        One of `RULES`.
    training_steps
        Planned length of the training in optimizer steps, where it is known; the longer, the lower the best rate.

    Raises
    ------
    NoSuggestionError
        If the curve carries no answer; the message says why and what would help.
    SettingError
        If the rule is unknown, or rates and losses do not fit together.

    Examples
    --------
    >>> lrs = np.geomspace(1e-6, 1, 61)
    >>> losses = 2 - 1 / (1 + 1e-3 / lrs) + 5 * lrs
    >>> suggest(lrs, losses, rule="minimum").rule
    'minimum'
    """
    del training_steps
    if rule not in RULES:
        raise SettingError(f"rule must be one of {', '.join(RULES)}; got {rule!r}.")
    curve = read_points(lrs, losses)
    check_has_answer(curve)
    lr = RULES[rule](curve)
    return Suggestion(rule, lr, _interval(curve, lr) if rule == DEFAULT_RULE else None)


def suggest_all(
    lrs: Sequence[float] | np.ndarray,
    losses: Sequence[float] | np.ndarray,
    *,
    training_steps: int | None = None,
) -> dict[str, float]:
    """Learning rates of all rules that have an answer, by name; empty where the curve carries none."""
    found = {rule: _lr_or_none(lrs, losses, rule, training_steps) for rule in RULES}
    return {rule: lr for rule, lr in found.items() if lr is not None}


def _lr_or_none(
    lrs: Sequence[float] | np.ndarray, losses: Sequence[float] | np.ndarray, rule: str, training_steps: int | None
) -> float | None:
    try:
        return suggest(lrs, losses, rule=rule, training_steps=training_steps).lr
    except NoSuggestionError:
        return None


def check_has_answer(curve: Curve) -> None:
    """Raise `NoSuggestionError` in words unless the loss falls by more than its noise."""
    if curve.falls:
        return
    if curve.rises:
        raise NoSuggestionError(
            "The loss only rises: either the model is already trained, or the first rate is too high. Start the sweep "
            "lower; if it is trained, use a rate ten times below the one where the loss starts to rise."
        )
    raise NoSuggestionError(
        "The loss does not fall by more than its noise anywhere in this range; sweep to higher rates, or hold each "
        "rate for more batches."
    )


def _interval(curve: Curve, lr: float) -> tuple[float, float]:
    """Rates that shift with the lowest point as far as the noise may have moved it."""
    low = curve.grid[curve.level <= curve.level[curve.lowest] + 2 * curve.level_noise[curve.lowest]]
    middle = float(np.median(low))
    below = max(middle - float(low.min()), 0.15)
    above = max(float(low.max()) - middle, 0.15)
    return lr * 10**-below, lr * 10**above
