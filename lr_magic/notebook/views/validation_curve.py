"""Validation losses of any number of epochs in a bounded number of points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lr_magic.pure.picture.thinning import ThinnedCurve

if TYPE_CHECKING:
    import numpy as np

_MAX_POINTS = 200


class ValidationCurve:
    """Takes the validation loss of each epoch, and knows the best one."""

    def __init__(self) -> None:
        self._steps = ThinnedCurve(_MAX_POINTS)
        self._losses = ThinnedCurve(_MAX_POINTS)
        self.best: tuple[int, float] | None = None
        """Last step of the best epoch, and its loss; None before the first one with a finite loss."""

    def __len__(self) -> int:
        return len(self._losses)

    def append(self, step: int, loss: float) -> None:
        """Take an epoch: its last step and its validation loss."""
        self._steps.append(step)
        self._losses.append(loss)
        if math.isfinite(loss) and (self.best is None or loss < self.best[1]):
            self.best = (step, loss)

    @property
    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Steps and losses, (n,) each; of many epochs the mean of neighbours."""
        return self._steps.means, self._losses.means
