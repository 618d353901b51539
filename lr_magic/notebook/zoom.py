"""Zoom sweep: the dragged range swept again, finer, in the same plot; started by a button, between two cells."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from lr_magic.pure.control import RunControl
from lr_magic.pure.picture.lr_text import lr_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lr_magic.notebook.between_cells import BetweenCells
    from lr_magic.notebook.trainings import Training
    from lr_magic.notebook.views.live_range_test import LiveRangeTest
    from lr_magic.pure.results.range_test_result import RangeTestResult
    from lr_magic.training.sweeping.sweep_settings import SweepSettings


class Zoom:
    """What the *Zoom sweep* button does.

    Parameters
    ----------
    find
        Finds what is to be swept, anew: a plot that stays on the page must not keep a model alive.
    settings
        How it was swept.
    live
        The plot that the finer sweep is drawn in.
    between_cells
        Where the sweep gets its time.
    finish
        Takes the finer result: binds it and shows it.
    """

    def __init__(
        self,
        find: Callable[[], Training],
        settings: SweepSettings,
        live: LiveRangeTest,
        between_cells: BetweenCells,
        finish: Callable[[RangeTestResult], None],
    ) -> None:
        self._find = find
        self._settings = settings
        self._live = live
        self._between_cells = between_cells
        self._finish = finish

    def __call__(self, low: float, high: float) -> str:
        """Sweep from `low` to `high` as soon as may be; answers what happens in words."""
        if self._between_cells.start(lambda: self._sweep(low, high)):
            return f"Sweeping {lr_text(low)} to {lr_text(high)} …"
        return "A cell is running, so nothing was started. Click again when it has ended."

    def _sweep(self, low: float, high: float) -> None:
        settings = replace(self._settings, start_lr=low, end_lr=high)
        control = RunControl()
        self._live.restart(control, settings.planned_steps)
        try:
            with interruptible():
                result = self._find().range_test(settings, self._live.on_step, control)
        except BaseException as error:  # noqa: BLE001 - nobody above a job of the event loop could show it
            partial = getattr(error, "lr_magic_result", None)
            if partial is not None:
                self._finish(partial)
            self._live.panel.message.value = f"The sweep ended early: {escape(f'{type(error).__name__}: {error}')}"
            return
        self._finish(result)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let the notebook's interrupt end what runs here: between cells a kernel ignores it. In the main thread only."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
