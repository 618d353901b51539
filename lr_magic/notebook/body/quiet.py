"""Keeps what a body prints and displays off the screen while it is only measured."""

from __future__ import annotations

import sys
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def quiet() -> Iterator[None]:
    """Keep prints and displays off the screen; if the block fails, what it had printed is shown after all."""
    printed = StringIO()
    try:
        with redirect_stdout(printed), _displays_kept_back():
            yield
    except BaseException:
        sys.stdout.write(printed.getvalue())
        raise


@contextmanager
def _displays_kept_back() -> Iterator[None]:
    shell = _running_shell()
    if shell is None:
        yield
        return
    from IPython.core.displaypub import CapturingDisplayPublisher  # noqa: PLC0415 - loaded where a shell runs

    publisher = shell.display_pub
    shell.display_pub = CapturingDisplayPublisher()
    try:
        yield
    finally:
        shell.display_pub = publisher


def _running_shell() -> Any:
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython  # noqa: PLC0415 - loaded where a shell runs

    return get_ipython()
