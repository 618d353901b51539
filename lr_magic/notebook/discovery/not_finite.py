"""Why no loss is a number: the model or the data hold nan or inf already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lr_magic.notebook.discovery import questions
from lr_magic.notebook.discovery.batch_items import items_of, spelled

if TYPE_CHECKING:
    from lr_magic.notebook.discovery.guess import Situation
    from lr_magic.pure.errors import DiscoveryError


def not_finite(situation: Situation) -> DiscoveryError | None:
    """Return the refusal that names what holds a value that is no finite number; None where nothing does."""
    names = [name for name, tensor in situation.model.value.named_parameters() if _has_no_number(tensor)]
    if names:
        return questions.parameters_not_finite(situation.model.name, names)
    for batch in situation.batches:
        for item in items_of(batch):
            if _has_no_number(item.value):
                return questions.data_not_finite(spelled(item.path, batch), situation.magic)
    return None


def _has_no_number(value: object) -> bool:
    if not isinstance(value, torch.Tensor) or not value.is_floating_point() or value.layout != torch.strided:
        return False
    return not bool(torch.isfinite(value).all())
