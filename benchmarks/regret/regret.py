"""Normalised regret: what a suggested rate costs, as a share of what the training could gain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Truth:
    """Final validation losses of the trainings of one task at one length.

    Attributes
    ----------
    grid
        (rates,) the peak rates of the one-cycle trainings.
    losses
        (rates, seeds) final validation losses; NaN where a training diverged.
    untrained
        Mean validation loss before training.
    """

    grid: np.ndarray
    losses: np.ndarray
    untrained: float

    @property
    def means(self) -> np.ndarray:
        """Mean over the seeds of each rate, (rates,); a training that diverged counts as untrained."""
        return np.where(np.isfinite(self.losses), self.losses, self.untrained).mean(1)

    @property
    def best(self) -> int:
        """Index of the best rate."""
        return int(np.argmin(self.means))

    def loss_at(self, lr: float) -> float:
        """Loss at any rate: interpolated in the logarithms of both, held constant outside of the grid."""
        return float(np.exp(np.interp(np.log(lr), np.log(self.grid), np.log(np.maximum(self.means, 1e-12)))))

    def regret(self, lr: float | None) -> float:
        """Return (loss at the rate - best) / (untrained - best), between 0 and 1; no rate costs all of it."""
        return 1.0 if lr is None else self.regret_of_loss(self.loss_at(lr))

    def regret_of_loss(self, loss: float) -> float:
        """Return the same for a final validation loss, however it came about; infinity and NaN cost all."""
        best = float(self.means[self.best])
        lost = (loss if np.isfinite(loss) else np.inf) - best
        gain = self.untrained - best
        # Where no training improves on the start, every loss above the best is all that can be lost.
        return float(np.clip(lost / gain, 0.0, 1.0)) if gain > 0 else float(lost > 0)

    def is_close(self, lr: float | None) -> bool:
        """Whether the loss is within 10 % of the best, or within two standard deviations over its seeds."""
        if lr is None:
            return False
        best = float(self.means[self.best])
        spread = float(np.nanstd(self.losses[self.best], ddof=1))
        return self.loss_at(lr) <= best + max(0.1 * best, 2 * spread)

    def decades_off(self, lr: float) -> float:
        """Log10 of the rate over the best one: below 0 where it is too low."""
        return float(np.log10(lr / self.grid[self.best]))
