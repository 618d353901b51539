"""Which learning rate? Find it live in the notebook, click it, train with it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from lr_magic.pure.control import RunControl
    from lr_magic.pure.curve_reading.suggestion import suggest
    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.pure.results.range_test_result import RangeTestResult
    from lr_magic.pure.results.stop_reason import StopReason
    from lr_magic.pure.schedules import OneCycle
    from lr_magic.training.cycle.one_cycle import fit_one_cycle
    from lr_magic.training.cycle.preview import preview_fit
    from lr_magic.training.layers.freezing import freeze, unfreeze
    from lr_magic.training.probing.sharpness import measure_sharpness
    from lr_magic.training.setup import TrainingSetup
    from lr_magic.training.sweeping.range_test import range_test

__version__ = "0.1.0"

__all__ = [
    "FitHistory",
    "OneCycle",
    "RangeTestResult",
    "RunControl",
    "StopReason",
    "TrainingSetup",
    "fit_one_cycle",
    "freeze",
    "measure_sharpness",
    "preview_fit",
    "range_test",
    "suggest",
    "unfreeze",
]

# Public name to the module that has it: `import lr_magic` itself loads next to nothing.
_HOMES = {
    "FitHistory": "lr_magic.pure.results.fit_history",
    "OneCycle": "lr_magic.pure.schedules",
    "RangeTestResult": "lr_magic.pure.results.range_test_result",
    "RunControl": "lr_magic.pure.control",
    "StopReason": "lr_magic.pure.results.stop_reason",
    "TrainingSetup": "lr_magic.training.setup",
    "fit_one_cycle": "lr_magic.training.cycle.one_cycle",
    "freeze": "lr_magic.training.layers.freezing",
    "measure_sharpness": "lr_magic.training.probing.sharpness",
    "preview_fit": "lr_magic.training.cycle.preview",
    "range_test": "lr_magic.training.sweeping.range_test",
    "suggest": "lr_magic.pure.curve_reading.suggestion",
    "unfreeze": "lr_magic.training.layers.freezing",
}


def __getattr__(name: str) -> Any:
    """Import a public name where it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lr_magic' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted([*globals(), *_HOMES])


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magics to a shell: what ``%load_ext lr_magic`` calls."""
    from lr_magic.notebook.extension import load  # noqa: PLC0415 - IPython and the widgets are loaded only here

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magics away again: what ``%unload_ext lr_magic`` calls."""
    from lr_magic.notebook.extension import unload  # noqa: PLC0415

    unload(shell)
