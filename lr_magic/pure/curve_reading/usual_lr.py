"""What is known of a best rate before any sweep: most tasks want about the usual one of their optimizer."""

from __future__ import annotations

import math

from lr_magic.pure.curve_reading.optimizer_kind import OptimizerKind

# Three quarters of the best peaks of trainings of 300 steps lie within a decade of these. Chosen, as the other two
# numbers, on trainings of many small tasks (docs/suggestion.md).
_USUAL_LRS = {OptimizerKind.SGD: 1.0, OptimizerKind.MOMENTUM: 0.2, OptimizerKind.ADAM: 0.01}
_NEARBY = 0.6  # share of the way that a rate close to the usual one is moved
_WIDTH = 0.6  # decades around the usual rate in which a task counts as a usual one


def towards_usual(log_lr: float, optimizer: OptimizerKind | None) -> float:
    """Move a rate towards the optimizer's usual one: most of the way from nearby, hardly at all from far.

    What a sweep says of a task scatters; what tasks have in common does not. But a task whose rate lies decades off is
    no usual one, and its sweep is believed. Moves by less than a factor of 2 and keeps the order of two rates.

    Parameters
    ----------
    log_lr
        Log10 of a peak rate for a training of 300 steps.
    optimizer
        Kind of optimizer; None has no usual rate, so the rate stays.

    Returns
    -------
    Log10 of the rate between.

    Examples
    --------
    >>> [float(f"{10 ** towards_usual(math.log10(lr), OptimizerKind.ADAM):.2g}") for lr in (1e-5, 4e-3, 1e-2)]
    [1e-05, 0.0062, 0.01]
    """
    if optimizer is None:
        return log_lr
    decades = math.log10(_USUAL_LRS[optimizer]) - log_lr
    return log_lr + _NEARBY * decades * math.exp(-0.5 * (decades / _WIDTH) ** 2)
