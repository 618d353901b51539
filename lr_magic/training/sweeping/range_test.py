"""The range test: raise the learning rate over a short mock training, watch the loss, leave no trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.batches import BatchSource, EndOfBatches
from lr_magic.training.endings import attach_result
from lr_magic.training.frozen_heap import frozen_heap
from lr_magic.training.optimizer_mode import put_in_training
from lr_magic.training.restoring.restore import restored
from lr_magic.training.restoring.restore_receipt import RestoreReceipt
from lr_magic.training.setup import refuse_misplaced_model
from lr_magic.training.step import StepRunner
from lr_magic.training.sweeping.sweep import Sweep
from lr_magic.training.sweeping.sweep_settings import SweepSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from lr_magic.pure.control import RunControl
    from lr_magic.pure.results.range_test_result import RangeTestResult
    from lr_magic.pure.results.records import StepRecord
    from lr_magic.training.setup import TrainingSetup


def range_test(
    setup: TrainingSetup,
    *,
    start_lr: float | None = None,
    end_lr: float | None = None,
    num_steps: int | None = None,
    batches_per_lr: int = 1,
    linear: bool = False,
    divergence_factor: float = 4.0,
    stop_when_diverged: bool = True,
    seconds: float | None = None,
    on_step: Callable[[StepRecord], None] | None = None,
    control: RunControl | None = None,
) -> RangeTestResult:
    """Train `setup` for a while at rising learning rates, then put everything back as it was.

    Without a range, a number of steps or a time it chooses the rates from the losses: large strides from 1e-6 while
    nothing moves, fine ones from there to the blow-up. Where that shows no answer, it puts everything back and looks a
    second time, finer, from further below.

    Parameters
    ----------
    setup
        What is trained; unchanged afterwards, however the sweep ended.
    start_lr, end_lr, num_steps, batches_per_lr, linear, divergence_factor, stop_when_diverged, seconds
        See `SweepSettings`.
    on_step
        Called once per learning rate, in order, possibly some steps late. A second look begins at step 0 again.
    control
        Read between steps: Stop ends the sweep, Pause holds it.

    Returns
    -------
    RangeTestResult with the curve, the reason it ended and the receipt of what was put back.

    Raises
    ------
    SettingError
        If a setting is out of its range; nothing has been touched.
    BatchError
        If the loader yields nothing, or something that cannot be trained on.
    BaseException
        Whatever the model, the loader or an interrupt raises, after everything was put back; the partial result is
        its ``lr_magic_result``.
    """
    settings = SweepSettings(
        start_lr, end_lr, num_steps, batches_per_lr, linear, divergence_factor, stop_when_diverged, seconds
    )
    refuse_misplaced_model(setup)
    sweep = Sweep(settings, [setup.optimizer], setup.target_device, on_step=on_step, control=control)
    receipt = RestoreReceipt()
    try:
        is_under_way = True
        while is_under_way:
            with restored(setup) as receipt:
                _run(setup, sweep)
            is_under_way = sweep.begin_again()
            setup.begin_anew()
    except BaseException as error:
        sweep.abort(error)
        attach_result(error, _result(sweep, receipt))
        raise
    return _result(sweep, receipt)


def _result(sweep: Sweep, receipt: RestoreReceipt) -> RangeTestResult:
    result = sweep.result()
    result.receipt = str(receipt) if receipt.is_done else ""
    return result


def _run(setup: TrainingSetup, sweep: Sweep) -> None:
    source = BatchSource(setup.train_loader, setup.target_device)
    runner = StepRunner(setup)
    # A model in training keeps the modules that the person holds in eval mode (frozen batch norm) as they are.
    if not setup.model.training:
        setup.model.train()
    put_in_training(setup.optimizer)
    try:
        with frozen_heap():
            while sweep.begin_step():
                sweep.end_step(runner.run(source.next).loss)
    except EndOfBatches:
        sweep.end(StopReason.OUT_OF_BATCHES)
    except BaseException as error:
        sweep.abort(error)
        raise
    finally:
        source.close()
