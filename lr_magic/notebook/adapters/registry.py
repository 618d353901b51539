"""The adapters there are: ours, and those that other packages announce as entry points."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lr_magic.notebook.adapters.notebook import Notebook
    from lr_magic.notebook.discovery.request import Discovered

Find = Callable[["Notebook"], "Discovered | None"]
"""An adapter: returns None where the notebook holds no object of its framework."""

ENTRY_POINT_GROUP = "lr_magic.adapters"
"""Name of an entry point: the module that must be loaded already; its value: ``package.module:find``."""

_OWN = {
    "lightning.pytorch": "lightning_module",
    "pytorch_lightning": "lightning_module",
    "transformers.trainer": "transformers_trainer",
    "skorch": "skorch_net",
    "fastai.learner": "fastai_learner",
    "keras": "keras_model",
}


def find_with_adapter(notebook: Notebook) -> Discovered | None:
    """Ask the adapter of every framework that the notebook has imported; the first one that finds its object wins."""
    for find in _adapters():
        found = find(notebook)
        if found is not None:
            return found
    return None


def _adapters() -> Iterator[Find]:
    own = {module: name for module, name in _OWN.items() if module in sys.modules}
    for name in dict.fromkeys(own.values()):
        yield import_module(f"lr_magic.notebook.adapters.{name}").find
    for announced in _announced():
        if announced.name in sys.modules:
            yield announced.load()


@cache
def _announced() -> tuple[EntryPoint, ...]:
    # Read once: it goes through the metadata of every installed package.
    return tuple(entry_points(group=ENTRY_POINT_GROUP))
