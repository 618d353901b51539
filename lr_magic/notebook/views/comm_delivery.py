"""Gets widget messages to their handlers while a cell runs; each kernel generation needs another way.

- ipykernel 7 with a front end that opens subshells (JupyterLab 4.4 and later, Notebook 7.4 and later): the front end
  stamps each widget message with its subshell, whose thread could handle it during the run. The kernel re-routes the
  message to the shell that last published from the widget, which is the busy one. `deliver_during_runs` makes a widget
  keep the front end's subshell.
- ipykernel 6: messages wait in the main shell's queue; `main_shell_poll` hands them out between two steps.
- Elsewhere a click arrives after the cell, and the notebook's own interrupt ends a run.
"""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipywidgets import Widget

_POLL_INTERVAL_S = 0.05


def deliver_during_runs(widget: Widget) -> bool:
    """Let the widget's messages be handled in the subshell they were sent to; True if this kernel can do it."""
    comm = widget.comm
    if not hasattr(comm, "_reply_subshell_for"):
        return False
    comm._reply_subshell_for = _subshell_of_message  # noqa: SLF001 - ipykernel 7.4 has no public way
    return True


def _subshell_of_message(_data: object, default: str | None) -> str | None:
    return default


@contextmanager
def main_shell_poll() -> Iterator[Callable[[], None]]:
    """Yield a function that handles the widget messages waiting in the main shell; does nothing where none can."""
    if not _needs_poll():
        yield _do_nothing
        return
    from jupyter_ui_poll import ui_events  # noqa: PLC0415 - works on ipykernel 6 only

    with ui_events() as poll:
        yield _throttled(lambda: poll(10))


def _needs_poll() -> bool:
    import ipykernel  # noqa: PLC0415 - absent in a plain terminal

    return int(ipykernel.version_info[0]) == 6


def _do_nothing() -> None:
    return


def _throttled(poll: Callable[[], None]) -> Callable[[], None]:
    next_poll = 0.0

    def poll_seldom() -> None:
        nonlocal next_poll
        if perf_counter() >= next_poll:
            poll()
            next_poll = perf_counter() + _POLL_INTERVAL_S

    return poll_seldom
