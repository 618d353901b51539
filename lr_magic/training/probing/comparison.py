"""The same short training at several rates, from the same state on the same batches; then everything is put back."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.comparison_result import ComparisonResult, Trial, next_lr
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.endings import attach_result, reason_of
from lr_magic.training.param_groups import SweptRates, kind_of
from lr_magic.training.probing.trial_watch import OnTrialStep, TrialWatch, tail_mean
from lr_magic.training.restoring.restore import restored
from lr_magic.training.restoring.restore_receipt import RestoreReceipt
from lr_magic.training.setup import refuse_misplaced_model
from lr_magic.training.validation import validate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lr_magic.pure.control import RunControl
    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.training.setup import TrainingSetup

# Ratio between a rate and its neighbours: a third of a decade.
_STEP = 10 ** (1 / 3)


def compare(
    setup: TrainingSetup,
    lrs: Sequence[float],
    *,
    steps: int,
    training_steps: int | None = None,
    num_trials: int = 3,
    on_step: OnTrialStep | None = None,
    on_trial: Callable[[Trial], None] | None = None,
    control: RunControl | None = None,
) -> ComparisonResult:
    """Train `setup` for `steps` one-cycle steps at each rate, from the same state; everything is put back after each.

    Every trial sees the same batches and the same random numbers. A trial that has diverged, or is clearly worse than
    the best one at the same step, is dropped. A single rate is compared with its neighbours, a third of a decade away,
    on the side where the loss is lower.

    Parameters
    ----------
    setup
        What is trained; unchanged afterwards. Judged on its validation data, else on the training loss.
    lrs
        Peak rates to try, each > 0, for the param group with the highest one; the others keep their ratio. The first
        one runs first.
    steps
        Length of each trial, >= 1; a quarter of the training to come is a good length.
    training_steps
        Length of the training to come, for which `ComparisonResult.lr` is meant.
    num_trials
        Trials around a single rate, >= 1; not used with several.
    on_step
        Called with a trial's rate and the record of each of its steps.
    on_trial
        Called with each finished trial.
    control
        Read between steps: Stop ends the comparison, keeping the trials that are done.

    Raises
    ------
    SettingError
        If a setting is out of its range; nothing has been touched.
    BatchError
        If a loader yields nothing, or something that cannot be trained on.
    BaseException
        Whatever the model, a loader or an interrupt raises, after everything was put back; the partial result is its
        ``lr_magic_result``.
    """
    _check(lrs, steps, num_trials)
    refuse_misplaced_model(setup)
    run = _Comparison(setup, steps, on_step=on_step, control=control)
    wanted = list(dict.fromkeys(float(lr) for lr in lrs))
    num_wanted = len(wanted) if len(wanted) > 1 else num_trials
    try:
        while len(run.trials) < num_wanted and not run.is_stopped:
            num_done = len(run.trials)
            run.try_lr(wanted[num_done] if num_done < len(wanted) else next_lr(tuple(run.trials), _STEP))
            if on_trial is not None and len(run.trials) > num_done:
                on_trial(run.trials[-1])
    except BaseException as error:
        attach_result(error, run.result(training_steps, reason_of(error)))
        raise
    return run.result(training_steps, StopReason.STOPPED if run.is_stopped else StopReason.COMPLETED)


def _check(lrs: Sequence[float], steps: int, num_trials: int) -> None:
    if not lrs:
        raise SettingError("lrs must hold at least one learning rate; got none.")
    for lr in lrs:
        if not (math.isfinite(lr) and lr > 0):
            raise SettingError(f"Each learning rate must be a finite number above 0; got {lr:g}.")
    for name, value in (("steps", steps), ("num_trials", num_trials)):
        if value < 1:
            raise SettingError(f"{name} must be at least 1; got {value}.")


class _Comparison:
    """Trials under way."""

    def __init__(
        self, setup: TrainingSetup, steps: int, *, on_step: OnTrialStep | None, control: RunControl | None
    ) -> None:
        self._setup = setup
        self._steps = steps
        self._on_step = on_step
        self._control = control
        self._receipt = RestoreReceipt()
        self.trials: list[Trial] = []
        self.is_stopped = False

    def result(self, training_steps: int | None, reason: StopReason) -> ComparisonResult:
        """Put the trials together."""
        is_validated = self._setup.valid_loader is not None
        trials = tuple(self.trials)
        kind = kind_of(self._setup.optimizer.param_groups)
        return ComparisonResult(trials, self._steps, training_steps, is_validated, reason, str(self._receipt), kind)

    def try_lr(self, lr: float) -> None:
        """Train at a rate, judge, put back."""
        watch = TrialWatch(lr, self._rival(), self._steps, self._on_step, self._control)
        without_validation = replace(self._setup, valid_loader=None)
        self._setup.begin_anew()
        with restored(self._setup) as self._receipt:
            # Sets every group to its share of the rate, which is then its peak.
            SweptRates([self._setup.optimizer]).set(lr)
            history = fit_one_cycle(
                without_validation,
                steps=self._steps,
                max_lr=[float(group["lr"]) for group in self._setup.optimizer.param_groups],
                on_step=watch.on_step,
                control=watch,
            )
            if watch.is_stopped_by_person:
                self.is_stopped = True
                return
            final_loss = self._final_loss(history, watch)
        reason = watch.drop_reason or history.stop_reason or StopReason.COMPLETED
        self.trials.append(Trial(lr, tuple(watch.losses), final_loss, reason))

    def _rival(self) -> Trial | None:
        """Best trial that ran to its end."""
        finished = [trial for trial in self.trials if trial.stop_reason is StopReason.COMPLETED]
        return min(finished, key=lambda trial: trial.final_loss, default=None)

    def _final_loss(self, history: FitHistory, watch: TrialWatch) -> float:
        if watch.drop_reason is not None or history.stop_reason is not StopReason.COMPLETED:
            return math.inf
        validated = validate(self._setup)
        final = tail_mean(watch.losses) if validated is None else validated[0]
        return final if math.isfinite(final) else math.inf
