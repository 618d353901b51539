"""What a range-test curve says, in a few sentences for someone who sees one for the first time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lr_magic.pure.curve_reading.curve import Curve, first_non_finite, read_points
from lr_magic.pure.curve_reading.situation import Situation, situation_of
from lr_magic.pure.curve_reading.smoothing import smooth
from lr_magic.pure.errors import NoSuggestionError
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.results.stop_reason import StopReason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lr_magic.pure.curve_reading.suggestion import Suggestion

__all__ = ["Reading", "Situation", "read_curve"]

# Decades around the lowest level in which the curve's lowest point is looked for.
_SAME_VALLEY = 0.6


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

    Examples
    --------
    >>> lrs = np.geomspace(1e-6, 10, 80)
    >>> reading = read_curve(lrs, 2 - 1 / (1 + 1e-3 / lrs) + lrs**2)
    >>> reading.situation.value
    'falls_cleanly'
    >>> reading.sentences[1]
    'It falls fastest near 1e-3 and is lowest, 1.02, near 7.5e-2.'
    """
    bad_step = first_non_finite(np.asarray(losses, dtype=np.float64))
    try:
        curve = read_points(lrs, losses)
    except NoSuggestionError as error:
        if not len(losses):
            return Reading(Situation.TOO_SHORT, (str(error),))
        return _too_short(str(error), stop_reason, bad_step)
    situation = situation_of(curve, stop_reason, bad_step)
    sentences = _SENTENCES[situation](curve)
    if bad_step is not None:
        sentences.append(_non_finite_sentence(bad_step))
    if suggestion is not None and situation not in _WITHOUT_ADVICE_ON_RATE:
        sentences.append(_guess(suggestion) if situation is Situation.TOO_NOISY else _advice(suggestion, curve))
    return Reading(situation, tuple(sentences))


def _too_short(reason: str, stop_reason: StopReason | None, bad_step: int | None) -> Reading:
    if bad_step is not None:
        remedy = "Start the sweep lower, and check the data for NaN." if bad_step else "Check the data and the loss."
        return Reading(Situation.NON_FINITE, (_non_finite_sentence(bad_step), remedy))
    if stop_reason is StopReason.DIVERGED:
        first = "The loss blew up within the first steps: the sweep starts too high."
        return Reading(Situation.STARTS_TOO_HIGH, (first, "Start it a thousand times lower."))
    return Reading(Situation.TOO_SHORT, (reason, "Fifty to a hundred steps are usual."))


def _falls_cleanly(curve: Curve) -> list[str]:
    return [_start(curve), _fall(curve), _rise(curve), *_noise(curve)]


def _two_valleys(curve: Curve) -> list[str]:
    bump = "In between the loss rises for a while and then falls again, a bump with a valley on either side."
    advice = "The valley at the lower rates is the safer one; a second sweep shows whether the other is there again."
    return [_start(curve), _fall(curve), bump, advice]


def _flat(curve: Curve) -> list[str]:
    low, high = (lr_text(curve.lr_at(i)) for i in (0, -1))
    return [
        f"No rate between {low} and {high} moves the loss by more than its noise, {_number(curve.noise)} per batch.",
        "Sweep to higher rates; if that does not help either, check that the parameters are trained at all.",
    ]


def _too_noisy(curve: Curve) -> list[str]:
    return [
        f"The loss scatters by {_number(curve.noise)} from batch to batch, and falls by only {_number(curve.fall)}.",
        "That is little to read a rate from: hold each rate for more batches, or use larger ones.",
    ]


def _already_trained(curve: Curve) -> list[str]:
    level, worse, noise = _number(curve.start_level), 10**curve.worse_from, _number(curve.noise)
    return [
        f"The loss stays near {level}, and from a rate of about {lr_text(worse)} on it gets worse.",
        "A trained model looks like this: nothing is left to fall.",
        f"To train it further, stay ten times below, near {lr_text(worse / 10)}.",
        f"If it is not trained, its noise, {noise} per batch, hides the fall: hold each rate for more batches.",
    ]


def _starts_too_high(curve: Curve) -> list[str]:
    return [
        f"The loss rises from the first rate, {lr_text(curve.lr_at(0))}, on: the sweep starts too high.",
        "Start it a thousand times lower.",
    ]


def _never_diverged(curve: Curve) -> list[str]:
    return [
        _start(curve),
        _fall(curve),
        f"It does not rise again up to {lr_text(curve.lr_at(-1))}, so how high the rate may go is not known.",
        "Sweep further to see where it blows up.",
    ]


def _start(curve: Curve) -> str:
    start, level = lr_text(10 ** curve.fallen_at(0.1)), _number(curve.start_level)
    return f"Up to a rate of about {start} the loss stays near {level}: steps too small to matter."


def _fall(curve: Curve) -> str:
    steepest, (lowest, loss) = 10**curve.steepest_at, _lowest_drawn(curve)
    return f"It falls fastest near {lr_text(steepest)} and is lowest, {_number(loss)}, near {lr_text(lowest)}."


def _lowest_drawn(curve: Curve) -> tuple[float, float]:
    """Rate and loss where the curve is lowest as it is drawn: less smoothed than what decisions are made on."""
    drawn = smooth(curve.losses)
    is_far = np.abs(curve.log_lrs - curve.grid[curve.lowest]) > _SAME_VALLEY
    index = int(np.argmin(np.where(is_far, np.inf, drawn)))
    return float(10 ** curve.log_lrs[index]), float(drawn[index])


def _rise(curve: Curve) -> str:
    worse = max(10**curve.worse_from, _lowest_drawn(curve)[0])
    return f"From about {lr_text(worse)} on it climbs: such steps overshoot, and what was learned is lost."


def _noise(curve: Curve) -> list[str]:
    share = curve.noise / curve.fall
    return [f"Single batches scatter by {share:.0%} of the fall."] if share > 0.1 else []


def _non_finite_sentence(bad_step: int) -> str:
    return f"In step {bad_step} the loss became NaN or infinite; nothing after it is read."


def _guess(suggestion: Suggestion) -> str:
    low, high = suggestion.interval or (suggestion.lr, suggestion.lr)
    between = f", somewhere from {lr_text(low)} to {lr_text(high)}" if low < high else ""
    return f"Until then, {lr_text(suggestion.lr)} is a guess at a peak rate{between}."


def _advice(suggestion: Suggestion, curve: Curve) -> str:
    text = f"A good peak rate is about {lr_text(suggestion.lr)}"
    if suggestion.interval is None:
        return text + "."
    low, high = suggestion.interval
    is_below = suggestion.lr < 0.8 * _lowest_drawn(curve)[0]
    below, near = (
        "below the lowest point, where the loss still falls safely",
        "a training that anneals bears the lowest point",
    )
    return f"{text} ({lr_text(low)} to {lr_text(high)}): {below if is_below else near}."


def _number(value: float) -> str:
    """Two or three digits, small numbers as powers of ten: 0.00098 is 9.8e-4."""
    if value == 0 or 0.1 <= abs(value) < 1e4:
        return f"{value:.3g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


_WITHOUT_ADVICE_ON_RATE = {Situation.FLAT, Situation.ALREADY_TRAINED, Situation.STARTS_TOO_HIGH}

_SENTENCES: dict[Situation, Callable[[Curve], list[str]]] = {
    Situation.FALLS_CLEANLY: _falls_cleanly,
    Situation.TWO_VALLEYS: _two_valleys,
    Situation.FLAT: _flat,
    Situation.TOO_NOISY: _too_noisy,
    Situation.ALREADY_TRAINED: _already_trained,
    Situation.STARTS_TOO_HIGH: _starts_too_high,
    Situation.NEVER_DIVERGED: _never_diverged,
    Situation.NON_FINITE: lambda curve: [_start(curve), _fall(curve)],
}
