"""The points of a sweep, also of one that has gone back for a second look."""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class SweptPoints:
    """Rates and losses of the present look, and those of the one before.

    Attributes
    ----------
    lrs, losses
        The present look, rising in the rate.
    """

    def __init__(self) -> None:
        self.lrs: list[float] = []
        self.losses: list[float] = []
        self._lrs_before: list[float] = []
        self._losses_before: list[float] = []

    def append(self, lr: float, loss: float) -> None:
        """Add a point to the present look."""
        self.lrs.append(lr)
        self.losses.append(loss)

    def begin_again(self) -> None:
        """Begin a second look."""
        self._lrs_before, self._losses_before = self.lrs, self.losses
        self.lrs, self.losses = [], []

    def of_both_looks(self) -> tuple[list[float], list[float]]:
        """Rates and losses of the look before, replaced from where the present one began to where it has come."""
        if not self.lrs:
            return self._lrs_before, self._losses_before
        below = bisect_left(self._lrs_before, self.lrs[0])
        above = bisect_right(self._lrs_before, self.lrs[-1])
        return (
            self._lrs_before[:below] + self.lrs + self._lrs_before[above:],
            self._losses_before[:below] + self.losses + self._losses_before[above:],
        )
