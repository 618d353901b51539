"""Runs something in the kernel's main thread while no cell runs: a button never trains beside a cell."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell


class BetweenCells:
    """Knows whether a cell runs, and takes jobs for the time between two cells.

    A button's handler may run in another thread; a job always runs in the main one, where cells run, so the two can
    never train at the same time. To be made while a cell runs (loading the extension does).

    Parameters
    ----------
    shell
        The shell whose cells are meant.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._is_cell_running = True
        self._loop = _running_loop()
        shell.events.register("pre_run_cell", self._enter_cell)
        shell.events.register("post_run_cell", self._leave_cell)

    def close(self) -> None:
        """Stop watching the shell."""
        self._shell.events.unregister("pre_run_cell", self._enter_cell)
        self._shell.events.unregister("post_run_cell", self._leave_cell)

    def start(self, job: Callable[[], None]) -> bool:
        """Have a job run soon; False, and nothing is done, while a cell runs or where there is no event loop."""
        if self._is_cell_running or self._loop is None:
            return False
        self._loop.call_soon_threadsafe(job)
        return True

    def _enter_cell(self, *_: Any) -> None:
        self._is_cell_running = True

    def _leave_cell(self, *_: Any) -> None:
        self._is_cell_running = False


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:  # a plain terminal has none while a cell runs
        return None
