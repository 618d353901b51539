"""One optimizer step: its batches, forward and backward, and what they say together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from lr_magic.pure.errors import BatchError
from lr_magic.training.batches import EndOfBatches, count_samples
from lr_magic.training.epoch_metrics import mean_over_batches
from lr_magic.training.loss_fetching import type_of_means
from lr_magic.training.setup import AUTOCAST_TYPES
from lr_magic.training.update import Update

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from lr_magic.training.interrupts import InterruptGate
    from lr_magic.training.setup import BatchOutcome, TrainingSetup

__all__ = ["StepOutcome", "StepRunner", "Update", "autocast_of"]

# A person's own step that lets this many batches pass without a step will not make one at all.
_MOST_BATCHES_WITHOUT_STEP = 1_000


class StepOutcome(NamedTuple):
    """What one optimizer step says: mean loss (0-d) and metrics of its batches, number of its samples."""

    loss: torch.Tensor
    num_samples: int
    metrics: Mapping[str, Any]


class StepRunner:
    """Makes optimizer steps of a setup, one after the other.

    Parameters
    ----------
    setup
        What is trained.
    gate
        Shut when parameters are being updated; to be opened by the caller of `run`.
    """

    def __init__(self, setup: TrainingSetup, gate: InterruptGate | None = None) -> None:
        self._update = Update(setup, gate)
        self._owns_step = setup.owns_step
        self._accumulate = setup.accumulate
        self._autocast = autocast_of(setup)
        self._call = _batch_call(setup, self._update)

    def run(self, next_batch: Callable[[], Any]) -> StepOutcome:
        """Make one step.

        Parameters
        ----------
        next_batch
            Called for each batch; its EndOfBatches ends the step early.

        Raises
        ------
        EndOfBatches
            If no batch is left for this step.
        BatchError
            If a person's own step lets too many batches pass.
        """
        if self._owns_step or self._accumulate > 1:
            return self._run_batches(next_batch)
        for _ in range(_MOST_BATCHES_WITHOUT_STEP):
            self._update.begin()
            batch = next_batch()
            outcome = self._run_batch(batch, is_last=True)
            if outcome is not None:
                # Not detached: it is read at once or copied, and detaching takes 0.4 % of a small network's step.
                return StepOutcome(_as_number(outcome.loss), count_samples(batch), outcome.metrics)
        raise _no_step_error()

    def _run_batches(self, next_batch: Callable[[], Any]) -> StepOutcome:
        """Make one step of several batches: a fixed number, or until the person's own step has stepped."""
        self._update.begin()
        outcomes: list[StepOutcome] = []
        for _ in range(_MOST_BATCHES_WITHOUT_STEP):
            try:
                batch = next_batch()
            except EndOfBatches:
                if not outcomes or self._owns_step:
                    raise
                self._update.apply_partial(len(outcomes))
                return _mean_outcome(outcomes)
            outcome = self._run_batch(batch, is_last=len(outcomes) + 1 == self._accumulate)
            if outcome is not None:
                loss = _as_number(outcome.loss).detach()
                outcomes.append(StepOutcome(loss, count_samples(batch), outcome.metrics))
            if outcomes and (self._update.has_stepped if self._owns_step else len(outcomes) == self._accumulate):
                return _mean_outcome(outcomes)
        raise _no_step_error()

    def _run_batch(self, batch: Any, *, is_last: bool) -> BatchOutcome | None:
        self._update.begin_batch(is_last=is_last)
        if self._autocast is None:
            outcome = self._call(batch)
        else:
            with self._autocast:
                outcome = self._call(batch)
        if outcome is not None:
            self._update.finish(outcome)
        return outcome


def _batch_call(setup: TrainingSetup, update: Update) -> Callable[[Any], BatchOutcome | None]:
    train_batch = setup.train_batch
    if train_batch is None:
        return setup.compute_loss
    return lambda batch: train_batch(batch, update)


def _as_number(loss: torch.Tensor) -> torch.Tensor:
    return loss if loss.ndim == 0 else loss.reshape(())


def _mean_outcome(outcomes: list[StepOutcome]) -> StepOutcome:
    if len(outcomes) == 1:
        return outcomes[0]
    loss = torch.stack([outcome.loss.to(type_of_means(outcome.loss)) for outcome in outcomes]).mean()
    names = outcomes[0].metrics
    metrics = {name: mean_over_batches([outcome.metrics[name] for outcome in outcomes]) for name in names}
    return StepOutcome(loss, sum(outcome.num_samples for outcome in outcomes), metrics)


def autocast_of(setup: TrainingSetup) -> AbstractContextManager[Any] | None:
    """Context of a setup's forward passes; None where they need none."""
    if setup.amp is None:
        return None
    return torch.autocast(setup.target_device.type, dtype=AUTOCAST_TYPES[setup.amp])


def _no_step_error() -> BatchError:
    return BatchError(
        f"{_MOST_BATCHES_WITHOUT_STEP:,} batches went by without an optimizer step. Is the step reached, and does the "
        "body pass over every batch?"
    )
