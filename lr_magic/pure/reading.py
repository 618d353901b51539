"""What a range-test curve says, in a few sentences for someone who sees one for the first time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from lr_magic.pure.curve import Curve, first_non_finite, read_points
from lr_magic.pure.errors import NoSuggestionError
from lr_magic.pure.stop_reason import StopReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.pure.suggestion import Suggestion


class Situation(str, Enum):
    """What kind of curve it is."""

    FALLS_CLEANLY = "falls_cleanly"
    FLAT = "flat"
    ALREADY_TRAINED = "already_trained"
    TWO_VALLEYS = "two_valleys"
    TOO_NOISY = "too_noisy"
    STARTS_TOO_HIGH = "starts_too_high"
    NEVER_DIVERGED = "never_diverged"
    NON_FINITE = "non_finite"
    TOO_SHORT = "too_short"


@dataclass(frozen=True)
class Reading:
    """The kind of curve, and two to five sentences about it."""

    situation: Situation
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.sentences)


def read_curve(
    lrs: Sequence[float] | np.ndarray,
    losses: Sequence[float] | np.ndarray,
    *,
    stop_reason: StopReason | None = None,
    suggestion: Suggestion | None = None,
) -> Reading:
    """Say what a curve shows and what to do with it.

    Parameters
    ----------
    lrs, losses
        (n,) each: the rates of the sweep, and the raw losses.
    stop_reason
        Why the sweep ended, where it is known.
    suggestion
        The default rule's answer, where there is one.

    Raises
    ------
    SettingError
        If rates and losses do not fit together.
    """
    try:
        curve = read_points(lrs, losses)
    except NoSuggestionError as error:
        return Reading(Situation.TOO_SHORT, (str(error),))
    bad_step = first_non_finite(np.asarray(losses, dtype=np.float64))
    situation = _situation(curve, stop_reason, bad_step)
    sentences = [*_ADVICE[situation](curve, bad_step)]
    if suggestion is not None:
        sentences.append(f"A good peak rate is about {suggestion.lr:.2g}.")
    return Reading(situation, tuple(sentences))


def _situation(curve: Curve, stop_reason: StopReason | None, bad_step: int | None) -> Situation:
    if not curve.falls:
        if not curve.rises:
            return Situation.FLAT
        return Situation.STARTS_TOO_HIGH if curve.lowest < 0.2 * curve.grid.size else Situation.ALREADY_TRAINED
    if bad_step is not None and not curve.rises:
        return Situation.NON_FINITE
    if not curve.rises and stop_reason is not StopReason.DIVERGED:
        return Situation.NEVER_DIVERGED
    return Situation.FALLS_CLEANLY


def _falls_cleanly(curve: Curve, bad_step: int | None) -> list[str]:
    del bad_step
    return [
        f"The loss falls from {curve.start_level:.3g} to {curve.level[curve.lowest]:.3g}, its lowest point.",
        f"That is at a rate of {curve.lr_at(curve.lowest):.2g}.",
        "Beyond that it rises again: those rates are too high.",
    ]


def _flat(curve: Curve, bad_step: int | None) -> list[str]:
    del bad_step
    return [
        f"No rate between {curve.lr_at(0):.2g} and {curve.lr_at(-1):.2g} moves the loss by more than its noise.",
        "Sweep to higher rates, or check that the model's parameters are trained at all.",
    ]


def _already_trained(curve: Curve, bad_step: int | None) -> list[str]:
    del bad_step
    return [
        f"The loss does not fall at any rate, and rises from about {curve.lr_at(curve.lowest):.2g} on.",
        "A model that is already trained looks like this: take a rate ten times below the one where it gets worse.",
    ]


def _starts_too_high(curve: Curve, bad_step: int | None) -> list[str]:
    del bad_step
    return [
        f"The loss rises from the first rate, {curve.lr_at(0):.2g}, on: the sweep starts too high.",
        "Start it a hundred times lower.",
    ]


def _never_diverged(curve: Curve, bad_step: int | None) -> list[str]:
    del bad_step
    return [
        f"The loss falls from {curve.start_level:.3g} to {curve.level[curve.lowest]:.3g} and does not rise again.",
        "Higher rates may be better still: sweep further to see where it blows up.",
    ]


def _non_finite(curve: Curve, bad_step: int | None) -> list[str]:
    return [
        f"The loss falls from {curve.start_level:.3g} to {curve.level[curve.lowest]:.3g}.",
        f"In step {bad_step} it became NaN or infinite, so higher rates say nothing.",
    ]


_ADVICE = {
    Situation.FALLS_CLEANLY: _falls_cleanly,
    Situation.FLAT: _flat,
    Situation.ALREADY_TRAINED: _already_trained,
    Situation.STARTS_TOO_HIGH: _starts_too_high,
    Situation.NEVER_DIVERGED: _never_diverged,
    Situation.NON_FINITE: _non_finite,
}
