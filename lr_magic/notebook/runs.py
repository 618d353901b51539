"""One run from setup to result: open the screen, run the loop, show the end, bind the result."""

from __future__ import annotations

import gc
from collections import deque
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING

from lr_magic.notebook.first_stage import first_stage_lr
from lr_magic.notebook.settings.session_settings import history_before
from lr_magic.notebook.views.screen_choice import fit_screen, range_test_screen, run_control
from lr_magic.notebook.views.screens import NotebookRangeTest
from lr_magic.pure.results.range_test_result import PLANNED_EPOCHS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from lr_magic.notebook.fit_undo import UndoSlot
    from lr_magic.notebook.settings.cycle_settings import CycleSettings
    from lr_magic.notebook.trainings import Training
    from lr_magic.notebook.views.live_range_test import LiveRangeTest
    from lr_magic.notebook.views.screens import FitScreen
    from lr_magic.notebook.zoom import Zoom
    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.pure.results.range_test_result import RangeTestResult
    from lr_magic.training.sweeping.sweep_settings import SweepSettings


def run_range_test(
    shell: InteractiveShell,
    training: Training,
    settings: SweepSettings,
    *,
    is_live: bool,
    with_sharpness: bool = False,
    earlier: Sequence[tuple[str, RangeTestResult]] = (),
    zoom: Callable[[LiveRangeTest, Callable[[RangeTestResult], None]], Zoom] | None = None,
) -> RangeTestResult:
    """Sweep, live; binds `lr_found` however the sweep ends.

    Parameters
    ----------
    with_sharpness
        Measure the curvature first, as a second opinion beside the curve.
    earlier
        Sweeps to draw in the same plot, each with its name.
    zoom
        Makes, from the plot and what ends a sweep, the finer sweep of a dragged range that the plot offers.
    """
    settings = settings if training.can_look_again else settings.in_one_pass()
    findings, stage_lr = training.findings, first_stage_lr(training, shell.user_ns)
    training_steps = training.steps_of(PLANNED_EPOCHS)
    sharpness = training.sharpness() if with_sharpness else None

    def finish(result: RangeTestResult, wider_suggestion: float | None = None) -> None:
        result.setup = findings
        result.wider_suggestion = wider_suggestion
        result.first_stage_lr = stage_lr
        result.training_steps = training_steps
        result.sharpness = sharpness
        shell.user_ns["lr_found"] = result
        screen.finish(result)

    with run_control(shell) as control:
        screen = range_test_screen(shell, training.findings, settings, control, is_live=is_live, earlier=earlier)
        if sharpness is not None and isinstance(screen, NotebookRangeTest):
            screen.live.show_sharpness(sharpness)
        with partial_result_to(finish):
            result = training.range_test(settings, screen.on_step, control)
    finish(result)
    if zoom is not None and isinstance(screen, NotebookRangeTest):
        screen.live.panel.offer_zoom(zoom(screen.live, lambda finer: finish(finer, result.suggestion)))
    return result


def run_one_cycle(
    shell: InteractiveShell,
    training: Training,
    settings: CycleSettings,
    *,
    is_live: bool,
    resume: FitHistory | str | None = None,
    undo: UndoSlot | None = None,
) -> FitHistory:
    """Train, live; binds `fit_history` however the training ends, and keeps the state before it for an undo."""
    findings = (*training.findings, settings.finding)
    gc.collect()  # what is garbage now would stay until a training of hours has ended; see `frozen_heap`

    def finish(history: FitHistory) -> None:
        history.setup = findings
        shell.user_ns["fit_history"] = history
        if undo is not None and training.setup is None:
            undo.forget()
        elif undo is not None:
            undo.belongs_to(history)
        screen.finish(history)

    def keep_state() -> None:
        if undo is not None and training.setup is not None:
            undo.keep(training.setup, resume)

    with run_control(shell) as control:
        screen = fit_screen(shell, training, settings, findings, control, is_live=is_live)
        if resume is not None:
            replay(screen, history_before(resume))
        with partial_result_to(finish):
            history = training.one_cycle(
                settings,
                screen.on_step,
                screen.on_epoch,
                control,
                on_start=keep_state,
                on_event=screen.on_event,
                resume=resume,
            )
    finish(history)
    return history


def replay(screen: FitScreen, history: FitHistory) -> None:
    """Show on a fresh screen what a training that goes on has done until now."""
    point = history.resume_point
    if point is None:
        return
    epochs = history.epochs[: point.num_epochs]
    ends = dict(zip(accumulate(epoch.num_steps for epoch in epochs), epochs, strict=True))
    events = deque(history.events)
    for num_made, record in enumerate(history.steps[: point.num_made], start=1):
        while events and events[0].step <= record.step:
            screen.on_event(events.popleft())
        screen.on_step(record)
        if num_made in ends:
            screen.on_epoch(ends[num_made])


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
