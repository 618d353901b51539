"""The weights of the best epoch, kept in memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lr_magic.training.resuming.training_state import TrainingState

if TYPE_CHECKING:
    from lr_magic.pure.results.records import EpochRecord
    from lr_magic.training.setup import TrainingSetup


class BestEpoch:
    """Keeps weights and optimizer state of the epoch with the lowest validation loss (training loss without one)."""

    def __init__(self, setup: TrainingSetup) -> None:
        self._setup = setup
        self._lowest = math.inf
        self._newest = 0
        self._state: TrainingState | None = None
        self.epoch = 0

    def take(self, record: EpochRecord) -> None:
        """Look at an epoch that has just ended."""
        self._newest = record.epoch
        loss = record.train_loss if record.valid_loss is None else record.valid_loss
        if loss < self._lowest:
            self._lowest, self.epoch, self._state = loss, record.epoch, TrainingState(self._setup)

    def put_back(self) -> bool:
        """Take the weights of the best epoch; False if they are those that are there."""
        if self._state is None or self.epoch == self._newest:
            return False
        self._state.put_back()
        return True
