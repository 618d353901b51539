"""Which screen a run is shown on, by the shell it runs in."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lr_magic.notebook.views.comm_delivery import main_shell_poll
from lr_magic.notebook.views.live_fit import LiveFit
from lr_magic.notebook.views.live_range_test import LiveRangeTest
from lr_magic.notebook.views.screens import (
    FitScreen,
    NotebookFit,
    NotebookRangeTest,
    QuietScreen,
    RangeTestScreen,
    TerminalFit,
    TerminalRangeTest,
)
from lr_magic.notebook.views.step_count import StepCount
from lr_magic.pure.control import RunControl
from lr_magic.pure.curve_reading.adaptive_sweep import START_LR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from lr_magic.notebook.settings.cycle_settings import CycleSettings
    from lr_magic.notebook.trainings import Training
    from lr_magic.pure.results.finding import Finding
    from lr_magic.pure.results.range_test_result import RangeTestResult
    from lr_magic.training.sweeping.sweep_settings import SweepSettings


def is_kernel(shell: InteractiveShell) -> bool:
    """Whether the shell belongs to a kernel, whose front end can show widgets."""
    return getattr(shell, "kernel", None) is not None


@contextmanager
def run_control(shell: InteractiveShell) -> Iterator[RunControl]:
    """Yield a mailbox for the commands of a run, filled during the run where the kernel needs help for that."""
    if not is_kernel(shell):
        yield RunControl()
        return
    with main_shell_poll() as poll:
        yield RunControl(poll)


def range_test_screen(
    shell: InteractiveShell,
    findings: Sequence[Finding],
    settings: SweepSettings,
    control: RunControl,
    *,
    is_live: bool,
    earlier: Sequence[tuple[str, RangeTestResult]] = (),
) -> RangeTestScreen:
    """Open the screen of a range test."""
    if not is_live:
        return QuietScreen(findings, has_pictures=is_kernel(shell), earlier=earlier)
    if not is_kernel(shell):
        return TerminalRangeTest(findings, StepCount(settings.planned_steps, is_adaptive=settings.is_adaptive))
    start_lr = START_LR if settings.is_adaptive else settings.range.start_lr
    swept = [result for _, result in earlier if len(result.lrs)]
    live = LiveRangeTest(
        min([start_lr, *(float(result.lrs[0]) for result in swept)]),
        max([settings.range.end_lr, *(float(result.lrs[-1]) for result in swept)]),
        settings.planned_steps,
        control,
        is_adaptive=settings.is_adaptive,
        is_linear=settings.linear,
        divergence_factor=settings.divergence_factor,
    )
    for name, result in earlier:
        live.overlays.add(name, result)
    return NotebookRangeTest(findings, live)


def fit_screen(
    shell: InteractiveShell,
    training: Training,
    settings: CycleSettings,
    findings: Sequence[Finding],
    control: RunControl,
    *,
    is_live: bool,
) -> FitScreen:
    """Open the screen of a training."""
    if not is_live:
        return QuietScreen(findings, has_pictures=is_kernel(shell))
    total_steps = training.total_steps(settings)
    if not is_kernel(shell):
        return TerminalFit(findings, StepCount(total_steps))
    schedule, epochs = settings.schedule(total_steps), settings.epochs
    live = LiveFit(schedule, epochs, control, has_momentum=training.has_momentum, can_extend=training.can_extend)
    return NotebookFit(findings, live)
