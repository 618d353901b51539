"""Parts of a batch that a reading leaves unused: an index is nothing to worry about, a weight or a mask is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lr_magic.notebook.discovery.batch_items import Path, reach
from lr_magic.notebook.discovery.words import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_WEIGHTY = frozenset({"weight", "weights", "mask", "masks", "loss"})


def weighty(unused: Sequence[Path], batch: object) -> Path | None:
    """Return the first unused part that may well belong in the loss: floats and flags by place, weights by name."""
    for path in unused:
        value = reach(batch, path)
        name = path[-1] if path else ""
        if isinstance(name, str):
            is_weighty = bool(_WEIGHTY & set(words_of(name)))
        else:
            is_weighty = isinstance(value, torch.Tensor) and (value.is_floating_point() or value.dtype == torch.bool)
        if is_weighty:
            return path
    return None
