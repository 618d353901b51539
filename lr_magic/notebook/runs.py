"""One run from setup to result: open the screen, run the loop, show the end, bind the result."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from lr_magic.notebook.screen_choice import fit_screen, range_test_screen, run_control
from lr_magic.training.one_cycle import fit_one_cycle
from lr_magic.training.range_test import range_test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from IPython.core.interactiveshell import InteractiveShell

    from lr_magic.notebook.cycle_settings import CycleSettings
    from lr_magic.notebook.discovery import Discovered
    from lr_magic.pure.fit_history import FitHistory
    from lr_magic.pure.range_test_result import RangeTestResult
    from lr_magic.training.sweep import SweepSettings


def run_range_test(
    shell: InteractiveShell, found: Discovered, settings: SweepSettings, *, is_live: bool
) -> RangeTestResult:
    """Sweep, live; binds `lr_found` however the sweep ends."""

    def finish(result: RangeTestResult) -> None:
        result.setup = found.findings
        shell.user_ns["lr_found"] = result
        screen.finish(result)

    with run_control(shell) as control:
        screen = range_test_screen(shell, found.findings, settings, control, is_live=is_live)
        with partial_result_to(finish):
            result = range_test(found.setup, **asdict(settings), on_step=screen.on_step, control=control)
    finish(result)
    return result


def run_one_cycle(shell: InteractiveShell, found: Discovered, settings: CycleSettings, *, is_live: bool) -> FitHistory:
    """Train, live; binds `fit_history` however the training ends."""

    def finish(history: FitHistory) -> None:
        history.setup = found.findings
        shell.user_ns["fit_history"] = history
        screen.finish(history)

    with run_control(shell) as control:
        screen = fit_screen(shell, found, settings, control, is_live=is_live)
        with partial_result_to(finish):
            history = fit_one_cycle(
                found.setup,
                **settings.loop_arguments(),
                on_step=screen.on_step,
                on_epoch=screen.on_epoch,
                control=control,
            )
    finish(history)
    return history


@contextmanager
def partial_result_to(finish: Callable[..., None]) -> Iterator[None]:
    """Show and bind what was measured up to an interrupt or an error, which then goes on."""
    try:
        yield
    except BaseException as error:
        partial = getattr(error, "lr_magic_result", None)
        if partial is not None:
            finish(partial)
        raise
