"""What kind of curve a range test drew."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from lr_magic.pure.curve_reading.curve import curve_through
from lr_magic.pure.results.stop_reason import StopReason

if TYPE_CHECKING:
    from lr_magic.pure.curve_reading.curve import Curve

# A fall hidden in batches that scatter by more than this share of it is not read.
_LARGEST_NOISE = 0.5
# A rise over this many decades before which nothing falls is a trained model; sooner, the sweep starts too high.
_FEWEST_FLAT_DECADES = 1.0
# A bump is narrower than what a suggestion is read from, and needs a narrower kernel (decades).
_BUMP_BANDWIDTH = 0.2


class Situation(StrEnum):
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


def situation_of(curve: Curve, stop_reason: StopReason | None = None, bad_step: int | None = None) -> Situation:
    """Name the kind of a curve.

    Parameters
    ----------
    curve
        The losses up to the first one that is not finite.
    stop_reason
        Why the sweep ended, where it is known.
    bad_step
        Number of the first step with a loss that is not finite, or None.
    """
    if curve.jumps_at_once:
        return Situation.STARTS_TOO_HIGH
    has_blown_up = curve.rises or stop_reason is StopReason.DIVERGED
    if not curve.falls:
        return _without_fall(curve, has_blown_up=has_blown_up, bad_step=bad_step)
    if curve.noise > _LARGEST_NOISE * curve.fall:
        return Situation.TOO_NOISY
    if has_two_valleys(curve_through(curve.log_lrs, curve.losses, _BUMP_BANDWIDTH)):
        return Situation.TWO_VALLEYS
    if has_blown_up:
        return Situation.FALLS_CLEANLY
    return Situation.NEVER_DIVERGED if bad_step is None else Situation.NON_FINITE


def _without_fall(curve: Curve, *, has_blown_up: bool, bad_step: int | None) -> Situation:
    if has_blown_up:
        num_flat = curve.worse_from - curve.grid[0]
        return Situation.ALREADY_TRAINED if num_flat > _FEWEST_FLAT_DECADES else Situation.STARTS_TOO_HIGH
    if bad_step is not None:
        return Situation.NON_FINITE
    return Situation.TOO_NOISY if curve.may_fall else Situation.FLAT


def has_two_valleys(curve: Curve) -> bool:
    """Whether a bump, of a quarter of the fall and more than noise, separates two points that lie low."""
    highest_low = curve.start_level - 0.4 * curve.fall
    needed = np.maximum(0.25 * curve.fall, 4 * curve.level_noise)
    # From each point: how far the curve has come up from the lowest before, and goes down to the lowest after.
    before = np.minimum.accumulate(curve.level)
    after = np.minimum.accumulate(curve.level[::-1])[::-1]
    is_bump = (curve.level - before > needed) & (curve.level - after > needed)
    return bool((is_bump & (before < highest_low) & (after < highest_low)).any())
