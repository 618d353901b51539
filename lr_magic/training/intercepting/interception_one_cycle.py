"""A one-cycle schedule over a person's own training run: their loop, our rates and momenta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lr_magic.pure.control import Anneal, LowerPeak
from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.fit_event import EventKind
from lr_magic.pure.results.fit_history import FitHistory
from lr_magic.pure.results.records import StepRecord
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.pure.schedules import OneCycle
from lr_magic.training.cycle.cycle_course import CycleCourse
from lr_magic.training.endings import attach_result, detail_of, reason_of
from lr_magic.training.intercepting.interception import Interception
from lr_magic.training.intercepting.interception_range_test import no_step_error
from lr_magic.training.intercepting.interception_rates import HyperGroups, device_of, rates_of
from lr_magic.training.loss_fetching import fetcher_for
from lr_magic.training.param_groups import GroupValues
from lr_magic.training.steering import Steering

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from lr_magic.pure.control import RunControl
    from lr_magic.pure.results.fit_event import FitEvent
    from lr_magic.training.loss_fetching import LossFetcher


def intercepted_one_cycle(
    train: Callable[[], None],
    *,
    total_steps: int,
    max_lr: float | Sequence[float],
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
    optimizer: Any = None,
    known: Sequence[Any] = (),
    name_of: Callable[[Any], str] | None = None,
    on_step: Callable[[StepRecord], None] | None = None,
    on_event: Callable[[FitEvent], None] | None = None,
    control: RunControl | None = None,
) -> FitHistory:
    """Run a person's training with rates and momenta from one cycle; it ends where it ends.

    Steps beyond the cycle are made at its final rate, so that whatever follows the loop is run too; after
    `control.anneal()` the run ends with the cooling. Afterwards rates,
    momenta and keys of the param groups are as before.

    Parameters
    ----------
    train
        Runs the training as it stands.
    total_steps
        Length of the cycle in optimizer steps, >= 1.
    max_lr, pct_start, div_factor, final_div_factor, base_momentum, max_momentum
        As for `fit_one_cycle`.
    optimizer, name_of
        As for `intercepted_range_test`.
    known
        Optimizers that were there before: theirs are the rates that are put back.
    on_step, control
        As for `fit_one_cycle`; Stop ends the training after the step under way, and what follows in it is not run.

    Raises
    ------
    SettingError
        If a setting is out of its range.
    DiscoveryError
        If no optimizer steps, or several do and it was not said which one is meant.
    BaseException
        Whatever the training raises; the partial history is its ``lr_magic_result``.
    """
    peaks = list(max_lr) if isinstance(max_lr, Sequence) else [max_lr]
    shape = (pct_start, div_factor, final_div_factor, base_momentum, max_momentum)
    cycles = [OneCycle(float(peak), total_steps, *shape) for peak in peaks]
    names = ("pct_start", "div_factor", "final_div_factor", "base_momentum", "max_momentum")
    length = {"steps": total_steps, "total_steps": total_steps}
    settings = {**length, "max_lr": max_lr, **dict(zip(names, shape, strict=True))}
    history = FitHistory(planned_steps=total_steps, settings=settings)
    driver = _CycleDriver(cycles, history, known, on_step=on_step, on_event=on_event, control=control)
    interception = Interception(driver, optimizer, name_of)
    _drive(interception, driver, history, train)
    if interception.followed is None:
        raise no_step_error(optimizer)
    return history


def _drive(interception: Interception, driver: _CycleDriver, history: FitHistory, train: Callable[[], None]) -> None:
    """Run to the end, and put rates, momenta and keys back on every way out."""
    try:
        try:
            interception.run(train)
        finally:
            driver.finish(interception.own_end)
    except BaseException as error:
        history.stop_reason, history.stop_detail = reason_of(error), detail_of(error)
        attach_result(error, history)
        raise


class _CycleDriver:
    """Sets what the schedules say for each step, and fills a history."""

    def __init__(
        self,
        cycles: list[OneCycle],
        history: FitHistory,
        known: Sequence[Any],
        *,
        on_step: Callable[[StepRecord], None] | None,
        on_event: Callable[[FitEvent], None] | None,
        control: RunControl | None,
    ) -> None:
        self._cycles = cycles
        self._history = history
        self._values = {id(optimizer): GroupValues(optimizer) for optimizer in known}
        self._on_step = on_step
        self._on_event = on_event
        # Not `Extend`: how long a loop of the person's own goes on is theirs.
        self._steering = Steering(control, {Anneal: self._steer, LowerPeak: self._steer}, on_held=self._held)
        self._course: CycleCourse | None = None
        self._fetcher: LossFetcher | None = None
        self._set: list[tuple[float, float | None]] = []
        self._num_beyond = 0

    def begin(self, optimizer: Any) -> None:
        """Begin the cycle in this optimizer's param groups."""
        rates = rates_of(optimizer)
        if not isinstance(rates, HyperGroups):
            self._values.setdefault(id(optimizer), GroupValues(rates))
        cycles = self._cycles * len(rates.param_groups) if len(self._cycles) == 1 else self._cycles
        if len(cycles) != len(rates.param_groups):
            raise SettingError(
                f"max_lr must be one number or one per param group; got {len(cycles)} for {len(rates.param_groups)} "
                "groups."
            )
        holder: Any = _HasOptimizer(rates)
        self._course = CycleCourse(holder, cycles, self._history, on_event=self._on_event)
        self._fetcher = fetcher_for(device_of(optimizer))

    def before_step(self) -> bool:
        """Set rate and momentum of the coming step."""
        if not self._steering.follow():
            self._history.stop_reason = StopReason.STOPPED
            return False
        if self._course is None:
            return True
        if self._is_annealed and len(self._set) >= self._course.total_steps:
            self._history.stop_reason = StopReason.COMPLETED
            return False
        self._course.num_made = min(len(self._set), self._course.total_steps - 1)
        self._set.append(self._course.set_rates())
        self._course.num_made = len(self._set)
        return True

    def _steer(self, command: Anneal | LowerPeak) -> None:
        if self._course is not None:
            self._course.handlers[type(command)](command)

    def _held(self, seconds: float) -> None:
        if self._course is not None:
            self._course.held(seconds)

    @property
    def _is_annealed(self) -> bool:
        return any(event.kind is EventKind.ANNEALED for event in self._history.events)

    def after_step(self, loss: torch.Tensor) -> bool:
        """Take in the loss of the step just made."""
        if self._fetcher is not None:
            self._take(self._fetcher.add(loss))
        return True

    def finish(self, own_end: StopReason) -> None:
        """Read the last losses and put the param groups back; `own_end` is why the training may be short."""
        try:
            if self._fetcher is not None:
                self._take(self._fetcher.finish())
        finally:
            for values in self._values.values():
                values.put_back()
        self._say_how_it_ended(own_end)

    def _take(self, losses: list[float]) -> None:
        for loss in losses:
            number = len(self._history.steps)
            if number == self._history.planned_steps:
                self._num_beyond += 1
                continue
            lr, momentum = self._set[number]
            record = StepRecord(number, lr, loss, momentum)
            self._history.steps.append(record)
            if self._on_step is not None:
                self._on_step(record)

    def _say_how_it_ended(self, own_end: StopReason) -> None:
        planned, made = self._history.planned_steps or 0, len(self._history.steps)
        if self._history.stop_reason is not None:
            return
        self._history.stop_reason = StopReason.COMPLETED if made == planned else own_end
        if self._num_beyond:
            self._history.stop_detail = f"{self._num_beyond} more steps were made at the final rate"
        elif made < planned:
            self._history.stop_detail = f"the cell made {made} of the {planned} steps that were planned"


class _HasOptimizer:
    """What `CycleCourse` looks at of a setup."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer
