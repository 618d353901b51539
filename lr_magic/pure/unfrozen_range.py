"""Which rates to train with after unfreezing: the first layers barely, the last ones gently."""

from __future__ import annotations

from lr_magic.pure.errors import SettingError

# "Make the second part of that slice about ten times smaller than your first stage" (fast.ai, lesson 1).
_BELOW_FIRST_STAGE = 10.0
# The example of the same lesson is slice(1e-6, 1e-4).
_SPAN = 100.0
# A rate from which on the loss gets worse is kept away from by a decade, as with a trained model.
_BELOW_WORSE = 10.0


def unfrozen_range(first_stage_lr: float, worse_from: float | None = None) -> tuple[float, float]:
    """Range of peak rates for training all layers after the head was trained alone: (first layers, last layers).

    The high end is a tenth of the first stage's rate, and no more than a tenth of the rate from which on the loss of
    the unfrozen model gets worse; the low end is a hundredth of the high one.

    Parameters
    ----------
    first_stage_lr
        Peak rate that the head was trained with, > 0.
    worse_from
        Rate from which on a sweep of the unfrozen model gets worse, or None.

    Raises
    ------
    SettingError
        If a rate is not above 0.

    Examples
    --------
    >>> unfrozen_range(1e-3)
    (1e-06, 0.0001)
    """
    if not first_stage_lr > 0 or (worse_from is not None and not worse_from > 0):
        raise SettingError(f"Rates must be above 0; got first_stage_lr={first_stage_lr} and worse_from={worse_from}.")
    high = first_stage_lr / _BELOW_FIRST_STAGE
    if worse_from is not None:
        high = min(high, worse_from / _BELOW_WORSE)
    return float(f"{high / _SPAN:.3g}"), float(f"{high:.3g}")
