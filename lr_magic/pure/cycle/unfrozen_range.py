"""Which rates to train with after unfreezing: the first layers barely, the last ones gently."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.pure.curve_reading.curve import read_points
from lr_magic.pure.errors import NoSuggestionError, SettingError
from lr_magic.pure.picture.lr_text import lr_text

if TYPE_CHECKING:
    import numpy as np

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


def worse_from(lrs: np.ndarray, losses: np.ndarray) -> float | None:
    """Rate from which on the loss of a sweep, (n,) rates and raw losses, gets worse; None where it does not."""
    try:
        curve = read_points(lrs, losses)
    except NoSuggestionError:
        return None
    return float(10**curve.worse_from) if curve.rises else None


def range_sentence(first_stage_lr: float, proposed: tuple[float, float]) -> str:
    """What is proposed, and from what."""
    low, high = map(lr_text, proposed)
    return (
        f"The head was trained at {lr_text(first_stage_lr)}; for all layers the range {low}:{high} is proposed, low "
        "for the first ones, high for the last."
    )
