"""What the steps of one epoch say together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lr_magic.pure.results.records import EpochRecord
from lr_magic.training.epoch_metrics import EpochMeans, weighted_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.training.step import StepOutcome


class EpochTally:
    """Samples, losses and metrics of the steps of the epoch under way.

    Parameters
    ----------
    paused_seconds
        Time that the run has been paused before.
    samples, losses, seconds, means
        Of an epoch that goes on where it was left.
    """

    def __init__(
        self,
        paused_seconds: float = 0.0,
        samples: Sequence[int] = (),
        losses: Sequence[float] = (),
        seconds: float = 0.0,
        means: EpochMeans | None = None,
    ) -> None:
        self.samples = list(samples)
        self.losses = list(losses)
        self.means = EpochMeans() if means is None else means
        self._begin = time.perf_counter() - paused_seconds - seconds

    def add(self, outcome: StepOutcome, *, with_metrics: bool) -> None:
        """Take in a step; its loss follows in `losses` once it is known."""
        self.samples.append(outcome.num_samples)
        if outcome.metrics and with_metrics:
            self.means.add(outcome.metrics, outcome.num_samples)

    def seconds(self, paused_seconds: float) -> float:
        """Duration so far, without pauses."""
        return time.perf_counter() - self._begin - paused_seconds

    def record(
        self, epoch: int, validated: tuple[float, dict[str, float]] | None, paused_seconds: float
    ) -> EpochRecord:
        """What to say about the epoch; `validated` is loss and metrics on the validation data, if there are some."""
        return EpochRecord(
            epoch=epoch,
            train_loss=weighted_mean(self.losses, self.samples),
            valid_loss=None if validated is None else validated[0],
            metrics=self.means.read() if validated is None else validated[1],
            seconds=self.seconds(paused_seconds),
            num_steps=len(self.samples),
        )
