"""Learning rates and momenta as plain functions of the step: the sweep of a range test, and one-cycle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from lr_magic.pure.errors import SettingError

Values = tuple[float, float]
"""Learning rate and momentum (SGD) or beta1 (Adam) of a step."""


def sweep_lrs(start_lr: float, end_lr: float, num_steps: int, *, linear: bool = False) -> np.ndarray:
    """Learning rates of a range test, rising from `start_lr` to `end_lr`, both reached exactly.

    Parameters
    ----------
    start_lr, end_lr
        First and last learning rate, 0 < start_lr < end_lr.
    num_steps
        Number of rates, >= 1; a single step runs at `start_lr`.
    linear
        Equal differences instead of equal ratios (the default).

    Returns
    -------
    (num_steps,) float64 array.

    Raises
    ------
    SettingError
        If a value is out of its range.

    Examples
    --------
    >>> sweep_lrs(1e-3, 1e-1, 3).tolist()
    [0.001, 0.01, 0.1]
    """
    if num_steps < 1:
        raise SettingError(f"num_steps must be at least 1; got {num_steps}. The default is 100.")
    if not (math.isfinite(start_lr) and start_lr > 0):
        raise SettingError(f"start_lr must be a finite number above 0; got {start_lr:g}. The default is 1e-7.")
    if not (math.isfinite(end_lr) and end_lr > start_lr):
        raise SettingError(
            f"end_lr must be larger than start_lr; got start_lr={start_lr:g} and end_lr={end_lr:g}. Swap them?"
        )
    space = np.linspace if linear else np.geomspace
    lrs: np.ndarray = space(start_lr, end_lr, num_steps)
    lrs[0] = start_lr
    if num_steps > 1:
        lrs[-1] = end_lr
    return lrs


@dataclass(frozen=True)
class OneCycle:
    """The one-cycle schedule: warm-up to `max_lr`, then annealing far below the start; momentum runs the other way.

    Two pieces, each annealed by a half cosine (or a line), as torch's ``OneCycleLR`` does with two phases; its values
    are met to the last digit wherever torch has one. Where it divides by zero (``pct_start * total_steps == 1``) the
    peak is the first step, and a single step runs at the peak (torch: at the final lr, which trains nothing).

    Parameters
    ----------
    max_lr
        Peak learning rate, > 0.
    total_steps
        Length of the cycle in optimizer steps, >= 1.
    pct_start
        Fraction of the steps spent in warm-up, 0 <= x <= 1.
    div_factor
        The initial lr is ``max_lr / div_factor``, > 0.
    final_div_factor
        The final lr is ``max_lr / div_factor / final_div_factor``, > 0.
    base_momentum, max_momentum
        Momentum at the peak lr, and at both ends.
    annealing
        ``"cosine"`` or ``"linear"``.

    References
    ----------
    Smith and Topin 2017, "Super-Convergence", arXiv 1708.07120.

    Examples
    --------
    >>> cycle = OneCycle(max_lr=1.0, total_steps=11, pct_start=0.3)
    >>> [round(cycle.lr_at(step), 3) for step in (0, 2, 10)]
    [0.04, 0.96, 0.0]
    """

    max_lr: float
    total_steps: int
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    base_momentum: float = 0.85
    max_momentum: float = 0.95
    annealing: Literal["cosine", "linear"] = "cosine"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.max_lr) and self.max_lr > 0):
            raise SettingError(f"max_lr must be a finite number above 0; got {self.max_lr:g}.")
        if self.total_steps < 1:
            raise SettingError(f"total_steps must be at least 1; got {self.total_steps}.")
        if not 0 <= self.pct_start <= 1:
            raise SettingError(f"pct_start must be a fraction between 0 and 1; got {self.pct_start:g}.")
        for name in ("div_factor", "final_div_factor"):
            if not getattr(self, name) > 0:
                raise SettingError(f"{name} must be above 0; got {getattr(self, name):g}.")
        for name in ("base_momentum", "max_momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 0 and below 1; got {getattr(self, name):g}.")
        if self.annealing not in ANNEALINGS:
            raise SettingError(f"annealing must be one of {', '.join(ANNEALINGS)}; got {self.annealing!r}.")

    @cached_property
    def initial_lr(self) -> float:
        """Learning rate of the first step."""
        return self.max_lr / self.div_factor

    @cached_property
    def final_lr(self) -> float:
        """Learning rate of the last step."""
        return self.initial_lr / self.final_div_factor

    def lr_at(self, step: float) -> float:
        """Learning rate of a step (or between two), 0 <= step < total_steps."""
        return self.values_at(step)[0]

    def momentum_at(self, step: float) -> float:
        """Momentum (SGD) or beta1 (Adam) of a step, 0 <= step < total_steps."""
        return self.values_at(step)[1]

    def values_at(self, step: float) -> Values:
        """Learning rate and momentum of a step (or between two), 0 <= step < total_steps."""
        if not 0 <= step < self.total_steps:
            raise SettingError(f"step must be between 0 and {self.total_steps - 1}; got {step}.")
        anneal = ANNEALINGS[self.annealing]
        start, peak, end = self._corners
        # torch's convention: the peak lies at pct_start * total_steps - 1, neither a whole step nor above 0 by need
        peak_step = self.pct_start * self.total_steps - 1
        last_step = self.total_steps - 1
        if peak_step > 0 and step <= peak_step:
            return anneal(start, peak, step / peak_step)
        if last_step == 0:
            return peak
        return anneal(peak, end, (step - peak_step) / (last_step - peak_step))

    @cached_property
    def _corners(self) -> tuple[Values, Values, Values]:
        """Values of the first step, of the peak and of the last step."""
        return (
            (self.initial_lr, self.max_momentum),
            (self.max_lr, self.base_momentum),
            (self.final_lr, self.max_momentum),
        )


def _cosine(start: Values, end: Values, fraction: float) -> Values:
    height = math.cos(math.pi * fraction) + 1
    return end[0] + (start[0] - end[0]) / 2.0 * height, end[1] + (start[1] - end[1]) / 2.0 * height


def _linear(start: Values, end: Values, fraction: float) -> Values:
    return (end[0] - start[0]) * fraction + start[0], (end[1] - start[1]) * fraction + start[1]


ANNEALINGS = {"cosine": _cosine, "linear": _linear}
"""Ways from some values to others, by the fraction of the way that has been gone."""
