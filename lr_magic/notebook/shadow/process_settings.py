"""Settings of the process that a cell may change: put back where it is only measured."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import warnings
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.modules import module as torch_modules
from torch.optim import optimizer as torch_optimizers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Setting = tuple[Callable[[], Any], Callable[[Any], Any]]


def _set_environment(variables: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


def _attribute(owner: Any, name: str) -> Setting:
    return lambda: getattr(owner, name), lambda value: setattr(owner, name, value)


def _content(container: Any) -> Setting:
    """What stands in a list or a dict that belongs to the process."""

    def fill(before: Any) -> None:
        container.clear()
        (container.update if isinstance(container, dict) else container.extend)(before)

    return container.copy, fill


def _figures() -> Any:
    """The figures that pyplot shows at the end of a cell, by number, the current one last."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    return helpers.Gcf if helpers is not None else None


def _open_figures() -> list[int]:
    return list(_figures().figs) if _figures() is not None else []


def _close_later_figures(before: list[int]) -> None:
    figures = _figures()
    for number in [number for number in figures.figs if number not in before]:
        figures.destroy(number)
    for number in [number for number in before if number in figures.figs]:
        figures.figs.move_to_end(number)


def _figure_style() -> dict[str, Any]:
    matplotlib = sys.modules.get("matplotlib")
    # The backend is chosen when the first figure is made; that is no setting of the cell's.
    return {name: value for name, value in dict.items(matplotlib.rcParams) if name != "backend"} if matplotlib else {}


def _set_figure_style(before: dict[str, Any]) -> None:
    if before:
        # past its checks: what stood there is valid, and some names warn that they are old
        dict.update(sys.modules["matplotlib"].rcParams, before)


def _signal_handlers() -> list[Setting]:
    """Settings of the signals that a cell can handle; an interrupt's own handler is kept by whoever holds it back."""
    if threading.current_thread() is not threading.main_thread():
        return []
    # None is a handler that is not Python's
    numbers = [number for number in signal.valid_signals() if signal.getsignal(number) is not None]
    return [(partial(signal.getsignal, number), partial(signal.signal, number)) for number in numbers]


def _readable(settings: Iterable[Setting]) -> Iterator[Setting]:
    """Settings that can be read now: a folder may be gone, torch refuses some where two ways to set them were mixed."""
    for setting in settings:
        with suppress(OSError, RuntimeError):
            setting[0]()
            yield setting


# What is called beside every module and every optimizer of the process.
_HOOKS = [
    hooks
    for owner in (torch_modules, torch_optimizers)
    for name, hooks in vars(owner).items()
    if name.startswith("_global_") and isinstance(hooks, dict)
]
# torch writes these, and has no public word to read them
_TORCH_PRINTS = torch._tensor_str.PRINT_OPTS  # noqa: SLF001
_SETTINGS: tuple[Setting, ...] = (
    (os.getcwd, os.chdir),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, torch.set_default_device),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    _attribute(torch.backends.cudnn, "benchmark"),
    _attribute(torch.backends.cudnn, "deterministic"),
    _attribute(torch.backends.cudnn, "enabled"),
    _attribute(torch.backends.cudnn, "allow_tf32"),
    (torch.backends.cuda.flash_sdp_enabled, torch.backends.cuda.enable_flash_sdp),
    (torch.backends.cuda.mem_efficient_sdp_enabled, torch.backends.cuda.enable_mem_efficient_sdp),
    (torch.backends.cuda.math_sdp_enabled, torch.backends.cuda.enable_math_sdp),
    (vars(_TORCH_PRINTS).copy, vars(_TORCH_PRINTS).update),
    (np.geterr, lambda errors: np.seterr(**errors)),
    (np.get_printoptions, lambda options: np.set_printoptions(**options)),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (gc.isenabled, lambda is_on: gc.enable() if is_on else gc.disable()),
    (lambda: dict(os.environ), _set_environment),
    (_figure_style, _set_figure_style),
    (_open_figures, _close_later_figures),
    _content(sys.path),
    *map(_content, _HOOKS),
)


@contextmanager
def process_settings_put_back() -> Iterator[None]:
    """Give the process, torch, NumPy and pyplot the settings that they had when the block ends."""
    before = [(setting, setting[0]()) for setting in (*_readable(_SETTINGS), *_signal_handlers())]
    try:
        # its filters are put back
        with warnings.catch_warnings():
            yield
    finally:
        for (read, write), value in before:
            # A folder may be gone by now: the others are put back all the same.
            with suppress(OSError, RuntimeError):
                if _is_changed(read, value):
                    write(value)


def _is_changed(read: Callable[[], Any], before: Any) -> bool:
    try:
        return bool(read() != before)
    except (OSError, RuntimeError):
        return True
