"""A range test over a person's own training run: each of its steps gets its learning rate, and its loss is read."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from lr_magic.pure.errors import DiscoveryError
from lr_magic.training.endings import attach_result
from lr_magic.training.intercepting.interception import Interception
from lr_magic.training.intercepting.interception_rates import device_of, rates_of
from lr_magic.training.sweeping.sweep import Sweep
from lr_magic.training.sweeping.sweep_settings import SweepSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import torch

    from lr_magic.pure.control import RunControl
    from lr_magic.pure.results.range_test_result import RangeTestResult
    from lr_magic.pure.results.records import StepRecord
    from lr_magic.training.restoring.restore_receipt import RestoreReceipt


def intercepted_range_test(
    train: Callable[[], None],
    settings: SweepSettings | None = None,
    *,
    optimizer: Any = None,
    restoring: AbstractContextManager[RestoreReceipt | None] | None = None,
    name_of: Callable[[Any], str] | None = None,
    on_step: Callable[[StepRecord], None] | None = None,
    control: RunControl | None = None,
) -> RangeTestResult:
    """Run a person's training with the steps of its optimizer swept, end it when the sweep is over.

    A person's own loop cannot be begun again, so the sweep does not choose its rates: where nothing else is said they
    are evenly spaced from 1e-7 to where the loss blows up, at most 100.

    Parameters
    ----------
    train
        Runs the training as it stands.
    settings
        The sweep's settings.
    optimizer
        The one that is swept, or its number (from 1) in the order in which they first step; None for the only one.
    restoring
        Puts back what the training changes (`restored`); None where the caller does.
    name_of
        What to call an optimizer in a question.
    on_step, control
        As for `range_test`.

    Returns
    -------
    RangeTestResult; its stop reason is OUT_OF_BATCHES where the training ended before the sweep, INTERRUPTED where it
    did so on an interrupt that it caught.

    Raises
    ------
    DiscoveryError
        If no optimizer steps, or several do and it was not said which one is meant; all is put back.
    BaseException
        Whatever the training raises, after everything was put back; the partial result is its ``lr_magic_result``.
    """
    driver = _SweepDriver((settings or SweepSettings()).in_one_pass(), on_step, control)
    interception = Interception(driver, optimizer, name_of)
    receipt: RestoreReceipt | None = None
    try:
        with restoring if restoring is not None else nullcontext() as receipt:
            driver.run(interception, train)
    except DiscoveryError:
        raise
    except BaseException as error:
        driver.abort(error)
        if driver.sweep is not None:
            attach_result(error, _result(driver.sweep, receipt))
        raise
    if driver.sweep is None:
        raise no_step_error(optimizer)
    return _result(driver.sweep, receipt)


def no_step_error(optimizer: Any) -> DiscoveryError:
    """Say that nothing, or not what was asked for, has stepped."""
    if optimizer is None:
        return DiscoveryError(
            "No torch optimizer stepped in this cell (Keras's are none), so there was no rate to set. "
            "→ put `%%lr_find` above the cell that trains with one"
        )
    return DiscoveryError(
        "The optimizer that was asked for never stepped in this cell. → `--optimizer` with one that this cell steps"
    )


def _result(sweep: Sweep, receipt: RestoreReceipt | None) -> RangeTestResult:
    result = sweep.result()
    result.receipt = str(receipt) if receipt is not None and receipt.is_done else ""
    return result


class _SweepDriver:
    """Follows a sweep; it begins with the first step, since nothing is known of the optimizer before."""

    def __init__(
        self, settings: SweepSettings, on_step: Callable[[StepRecord], None] | None, control: RunControl | None
    ) -> None:
        self._settings = settings
        self._on_step = on_step
        self._control = control
        self.sweep: Sweep | None = None

    def run(self, interception: Interception, train: Callable[[], None]) -> None:
        """Run the training until it or the sweep ends."""
        has_ended_itself = False
        try:
            has_ended_itself = interception.run(train)
        except BaseException as error:
            self.abort(error)
            raise
        if self.sweep is not None and has_ended_itself:
            self.sweep.end(interception.own_end)

    def abort(self, error: BaseException) -> None:
        """End the sweep because of an error."""
        if self.sweep is not None:
            self.sweep.abort(error)

    def begin(self, optimizer: Any) -> None:
        """Begin the sweep of this optimizer's rates."""
        rates = rates_of(optimizer)
        device = device_of(optimizer)
        self.sweep = Sweep(self._settings, [rates], device, on_step=self._on_step, control=self._control)

    def before_step(self) -> bool:
        """Set the rates of the coming step."""
        return self.sweep is not None and self.sweep.begin_step()

    def after_step(self, loss: torch.Tensor) -> bool:
        """Take in the loss of the step just made."""
        return self.sweep is not None and self.sweep.end_step(loss)
