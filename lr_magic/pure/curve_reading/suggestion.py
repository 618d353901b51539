"""A learning rate for the training to come, read off the curve of a range test, or the reason why there is none."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lr_magic.pure.curve_reading.curve import Curve, read_points
from lr_magic.pure.curve_reading.optimizer_kind import OptimizerKind
from lr_magic.pure.curve_reading.resampling import interval_around
from lr_magic.pure.curve_reading.rules import bottom, minimum, steepest, valley
from lr_magic.pure.errors import NoSuggestionError, SettingError
from lr_magic.pure.picture.lr_text import lr_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

DEFAULT_RULE = "bottom"

RULES: dict[str, Callable[[Curve, int | None, OptimizerKind | None], float]] = {
    DEFAULT_RULE: bottom,
    "valley": lambda curve, *_: valley(curve),
    "steepest": lambda curve, *_: steepest(curve),
    "minimum": lambda curve, *_: minimum(curve),
}

RULE_MEANINGS = {
    DEFAULT_RULE: "near the bottom of the curve, the lower the longer the training",
    "valley": "the middle of the longest fall, fastai's rule",
    "steepest": "where the loss falls most per decade",
    "minimum": "a tenth of the rate with the lowest loss",
}
"""What each rule looks for, in words."""


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
    optimizer: OptimizerKind | str | None = None,
    batches_per_lr: int = 1,
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
        Planned length of the training in optimizer steps, >= 1, where it is known; the longer, the lower the best
        rate. None counts as 300. Only the default rule knows what to do with it.
    optimizer
        What was swept, "sgd", "momentum" or "adam" (any with a second moment: AdamW, NAdam, …); None where it is
        another kind or not known. Only the default rule knows what to do with it.
    batches_per_lr
        Steps that the sweep made at each rate, >= 1. Only the default rule knows what to do with it.

    Raises
    ------
    NoSuggestionError
        If the curve carries no answer; the message says why and what would help.
    SettingError
        If the rule or the optimizer is unknown, or rates and losses do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> lrs = np.geomspace(1e-6, 1, 61)
    >>> losses = 2 - 1 / (1 + 1e-3 / lrs) + 5 * lrs
    >>> suggest(lrs, losses, rule="minimum").rule
    'minimum'
    """
    if rule not in RULES:
        raise SettingError(f"rule must be one of {', '.join(RULES)}; got {rule!r}.")
    if batches_per_lr < 1:
        raise SettingError(f"batches_per_lr must be at least 1; got {batches_per_lr}.")
    if training_steps is not None and training_steps < 1:
        raise SettingError(f"training_steps must be at least 1; got {training_steps}. None if it is not known.")
    kind = _kind_named(optimizer)
    curve = read_points(lrs, losses, batches_per_lr)
    check_has_answer(curve)
    highest_tried = float(10 ** curve.log_lrs[-1])
    lr = min(RULES[rule](curve, training_steps, kind), highest_tried)
    return Suggestion(rule, lr, interval_around(lr, curve) if rule == DEFAULT_RULE else None)


def suggest_all(
    lrs: Sequence[float] | np.ndarray,
    losses: Sequence[float] | np.ndarray,
    *,
    training_steps: int | None = None,
    optimizer: OptimizerKind | str | None = None,
    batches_per_lr: int = 1,
) -> dict[str, float]:
    """Learning rates of all rules that have an answer, by name; empty where the curve carries none."""
    found: dict[str, float] = {}
    for rule in RULES:
        with suppress(NoSuggestionError):
            found[rule] = suggest(
                lrs,
                losses,
                rule=rule,
                training_steps=training_steps,
                optimizer=optimizer,
                batches_per_lr=batches_per_lr,
            ).lr
    return found


def _kind_named(name: OptimizerKind | str | None) -> OptimizerKind | None:
    try:
        return None if name is None else OptimizerKind(name)
    except ValueError:
        known = ", ".join(kind.value for kind in OptimizerKind)
        raise SettingError(f"optimizer must be one of {known}, or None for any other kind; got {name!r}.") from None


def check_has_answer(curve: Curve) -> None:
    """Raise `NoSuggestionError` in words unless the loss falls by more than its noise, and its fall comes to an end."""
    if curve.jumps_at_once:
        raise NoSuggestionError(
            "The first step already throws the loss up: the sweep starts too high. Start it a thousand times lower."
        )
    if not curve.falls:
        raise NoSuggestionError(_why_without_fall(curve))
    if curve.ends_in_its_fall:
        raise NoSuggestionError(
            f"The loss has only begun to fall where the sweep ends, at {lr_text(curve.lr_at(-1))}: sweep further up."
        )


def _why_without_fall(curve: Curve) -> str:
    if not curve.rises:
        return (
            "The loss does not fall by more than its noise anywhere in this range: it is flat, or too noisy. Sweep to "
            "higher rates, or hold each rate for more batches."
        )
    worse = 10**curve.worse_from
    if worse < 10 * curve.lr_at(0):
        return "The loss rises from the first rates on: the sweep starts too high. Start it a thousand times lower."
    return (
        f"The loss never falls by more than its noise, and rises from {lr_text(worse)} on. If the model is already "
        f"trained, stay ten times below, near {lr_text(worse / 10)}; if not, hold each rate for more batches."
    )
