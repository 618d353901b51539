"""Keras on torch: a compiled model's optimizer is none of torch's, so that there is nothing to sweep."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from torch import nn

from lr_magic.pure.errors import DiscoveryError

if TYPE_CHECKING:
    from lr_magic.notebook.adapters.notebook import Notebook


def find(notebook: Notebook) -> None:
    """Refuse a model that Keras's own optimizer trains; with a torch optimizer it is a module like any other.

    Raises
    ------
    DiscoveryError
        If the model that was made last is such a one.
    """
    found = notebook.latest(sys.modules["keras"].Model)
    if found is None or not isinstance(found.value, nn.Module) or notebook.candidates.optimizers:
        return
    optimizer = getattr(found.value, "optimizer", None)
    if optimizer is not None:
        raise DiscoveryError(
            f"`{found.name}` is trained by Keras's {type(optimizer).__name__}, which is no torch optimizer: it has no "
            f"param groups to set rates in.\n→ `optimizer = torch.optim.Adam({found.name}.parameters())`, then "
            f"`%{notebook.request.magic}`."
        )
