"""What a range-test curve looks like, in numbers: its level, noise, fall, lowest point and blow-up."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lr_magic.pure.counted import counted
from lr_magic.pure.curve_reading.local_lines import local_line_weights
from lr_magic.pure.errors import NoSuggestionError, SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence

_FEWEST_LOSSES = 8
# With fewer losses before the lowest point the noise itself is uncertain, and a fall must be twice as clear.
_FEW_BEFORE = 12
# In decades of the rate: standard deviation of the kernel, step of the grid, end of a sweep.
_BANDWIDTH, _GRID_STEP, _LAST_STRETCH = 0.3, 0.02, 0.3


@dataclass(frozen=True)
class Curve:
    """The losses of a range test over the logarithm of the rate.

    Attributes
    ----------
    log_lrs, losses
        (n,) float64: log10 of the rates, and the raw losses up to the first one that is not finite.
    grid, level
        (g,) float64: evenly spaced log10 rates, and the loss there, smoothed by a kernel of fixed width in decades.
    weights
        (g, n) float64: each level as a weighted sum of the losses.
    batches_per_lr
        Steps that were made for each of the losses.
    """

    log_lrs: np.ndarray
    losses: np.ndarray
    grid: np.ndarray
    level: np.ndarray
    weights: np.ndarray
    batches_per_lr: int = 1

    @cached_property
    def noise(self) -> float:
        """Standard deviation of a single loss around its neighbours, before the lowest point; robust."""
        losses = self.losses[: max(5, self._num_before)]
        return float(1.4826 * np.median(np.abs(losses[1:-1] - 0.5 * (losses[:-2] + losses[2:]))) / math.sqrt(1.5))

    @cached_property
    def start_level(self) -> float:
        """Loss where the rates are still too small to matter: the mean of the first fifth before the lowest point."""
        num_first = max(1, (self.lowest + 1) // 5)
        return float(self.level[:num_first].mean())

    @cached_property
    def lowest(self) -> int:
        """Index into the grid of the lowest level."""
        return int(np.argmin(self.level))

    @property
    def _num_before(self) -> int:
        """Losses up to the lowest point."""
        return int(np.searchsorted(self.log_lrs, self.grid[self.lowest], "right"))

    @property
    def fall(self) -> float:
        """How far the level falls from its start to its lowest point."""
        return self.start_level - float(self.level[self.lowest])

    @cached_property
    def level_noise(self) -> np.ndarray:
        """Standard deviation of the level at each point of the grid, (g,); larger towards the ends."""
        share: np.ndarray = np.sqrt((self.weights**2).sum(1))
        return self.noise * share

    @property
    def falls(self) -> bool:
        """Whether the fall is more than noise: four standard deviations, as it is the largest of some forty."""
        margin = (8 if self._num_before < _FEW_BEFORE else 4) * float(self.level_noise[self.lowest])
        return self.fall > max(margin, 1e-9 * abs(self.start_level))

    @cached_property
    def may_fall(self) -> bool:
        """Whether a fall hides in the noise: over some decade the mean is lower than at the start, by three errors."""
        before = self.losses[self.log_lrs <= self.worse_from]
        num_averaged = max(4, min(round(self.points_per_decade), before.size // 2))
        if before.size < 2 * num_averaged:
            return False
        means = np.convolve(before, np.full(num_averaged, 1 / num_averaged), "valid")
        return bool(means[0] - means.min() > 3 * float(np.std(before)) * math.sqrt(2 / num_averaged))

    @property
    def jumps_at_once(self) -> bool:
        """Whether the very first step throws the loss up to where it never comes back from."""
        first, soon, later = (float(np.median(part)) for part in np.split(self.losses[:11], [1, 6]))
        jump = soon - first
        is_thrown = jump > max(6 * self.noise, 0.5 * self.fall, 3 * (later - soon))
        return is_thrown and bool(self.level.min() > first - 0.1 * jump)

    @property
    def points_per_decade(self) -> float:
        """Density of the sweep in the decade before its lowest point, where it counts; a sweep may be uneven."""
        before = self.log_lrs[np.abs(self.log_lrs - self.grid[self.lowest] + 0.5) <= 0.5]
        points = before if before.size > 3 else self.log_lrs
        return float((points.size - 1) / max(np.ptp(points), 1e-9))

    @property
    def rises(self) -> bool:
        """Whether the rise after the lowest point is more than noise; without a fall it must last, or be at the end."""
        rise = self.level[self.lowest :] - self.level[self.lowest]
        is_tall = rise > 4 * self.level_noise[self.lowest :] + 1e-9 * abs(self.start_level)
        return bool(is_tall.any() if self.falls else is_tall[-1] or is_tall.sum() * _GRID_STEP > 1.0)

    @property
    def ends_in_its_fall(self) -> bool:
        """Whether the sweep ends just after its fall began, where it is steepest: its lowest point is not known."""
        return bool(self.grid[-1] - self.steepest_at < _LAST_STRETCH and self.grid[-1] - self.fallen_at(0.5) < 0.5)

    @cached_property
    def worse_from(self) -> float:
        """Log10 of the rate from which on the level stays above its lowest point, by more than noise."""
        # Without a fall the lowest point is a dip by chance: only a good part of the rise counts.
        margin = np.maximum(0.1 * self.fall if self.falls else 0.3 * np.ptp(self.level), 2 * self.level_noise)
        below = np.flatnonzero(self.level <= self.level[self.lowest] + margin)
        return float(self.grid[below[-1]])

    @cached_property
    def steepest_at(self) -> float:
        """Log10 of the rate where the level falls most per decade, up to its lowest point."""
        slopes = np.gradient(self.level, self.grid)
        # Before a tenth of the fall is done a slope is noise, the more so at the very end.
        first = min(int(np.searchsorted(self.grid, self.fallen_at(0.1))), self.lowest)
        return float(self.grid[first + int(np.argmin(slopes[first : self.lowest + 1]))])

    def lr_at(self, index: int) -> float:
        """Learning rate of a point of the grid."""
        return float(10 ** self.grid[index])

    def fallen_at(self, share: float) -> float:
        """Log10 of the rate from which on, up to the lowest point, at least this share of the fall is done."""
        is_above = self.level[: self.lowest + 1] > self.start_level - share * self.fall
        above = np.flatnonzero(is_above)
        return float(self.grid[min(above[-1] + 1, self.lowest)]) if above.size else float(self.grid[0])

    def risen_at(self, share: float) -> float | None:
        """Log10 of the first rate past the lowest point at which this share of the fall is lost again, or None."""
        after = self.level[self.lowest :] >= self.level[self.lowest] + share * self.fall
        return float(self.grid[self.lowest + int(np.argmax(after))]) if after.any() else None


def read_points(
    lrs: Sequence[float] | np.ndarray, losses: Sequence[float] | np.ndarray, batches_per_lr: int = 1
) -> Curve:
    """Take the points of a range test as a `Curve`.

    Parameters
    ----------
    lrs, losses
        (n,) each: rising rates, > 0, and raw losses.
    batches_per_lr
        Steps that were made at each rate, >= 1.

    Raises
    ------
    SettingError
        If the lengths differ or a rate is not a positive number.
    NoSuggestionError
        If there are fewer than eight finite losses, or all rates are the same.
    """
    rates = np.asarray(lrs, dtype=np.float64).ravel()
    values = np.asarray(losses, dtype=np.float64).ravel()
    if rates.size != values.size:
        raise SettingError(f"lrs and losses must have the same length; got {rates.size} and {values.size}.")
    if not (np.isfinite(rates) & (rates > 0)).all():
        raise SettingError("lrs must be finite numbers above 0.")
    bad_step = first_non_finite(values)
    if not values.size:
        raise NoSuggestionError("There is no curve: no step came to its end.")
    num_finite = values.size if bad_step is None else bad_step
    if num_finite < _FEWEST_LOSSES:
        raise NoSuggestionError(
            f"Only {counted(num_finite, 'step')} with a finite loss, too few to read a curve from; run more steps, or "
            "start lower if the loss blew up at once."
        )
    curve = curve_through(np.log10(rates[:num_finite]), values[:num_finite])
    return replace(curve, batches_per_lr=batches_per_lr)


def first_non_finite(losses: np.ndarray) -> int | None:
    """Index of the first loss that is NaN or infinite, or None."""
    return next(iter(np.flatnonzero(~np.isfinite(losses)).tolist()), None)


def curve_through(log_lrs: np.ndarray, losses: np.ndarray, bandwidth: float = _BANDWIDTH) -> Curve:
    """Smooth points with a kernel of `bandwidth` decades, or of 1.2 steps where that is more."""
    span = float(np.ptp(log_lrs))
    if not span > 0:
        raise NoSuggestionError("All rates are the same; sweep over a range, for example from 1e-7 to 10.")
    grid = np.linspace(log_lrs.min(), log_lrs.max(), max(2, round(span / _GRID_STEP) + 1))
    capped = _capped(losses)
    weights = local_line_weights(log_lrs, grid, max(bandwidth, 1.2 * span / (losses.size - 1)))
    level = np.median(capped) + weights @ (capped - np.median(capped))
    # At an end a line through a steep rise can overshoot to where no loss ever was.
    return Curve(log_lrs, losses, grid, np.clip(level, capped.min(), capped.max()), weights)


def _capped(losses: np.ndarray) -> np.ndarray:
    """Losses cut off well above where they began: how high a blow-up goes says nothing about the rest."""
    start = float(np.median(losses[:5]))
    lowest = float(np.sort(losses)[losses.size // 20])
    spread = max(start - lowest, 3 * float(np.median(np.abs(np.diff(losses[:10])))))
    capped: np.ndarray = np.minimum(losses, start + spread) if spread > 0 else losses
    return capped
