"""What keeps every loss from being trained on, whichever is meant: no gradients, nothing to train, nan or inf."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lr_magic.notebook.discovery import questions
from lr_magic.notebook.discovery.batch_items import items_of, spelled

if TYPE_CHECKING:
    from lr_magic.notebook.discovery.guess import Situation
    from lr_magic.pure.errors import DiscoveryError


def why_untrainable(situation: Situation) -> DiscoveryError | None:
    """Return the refusal that names it; None where there is nothing of the kind."""
    model, magic = situation.model, situation.magic
    if not torch.is_grad_enabled():
        return questions.gradients_off(magic)
    if not any(parameter.requires_grad for parameter in situation.parameters):
        return questions.all_frozen(model.name, magic)
    if names := [name for name, tensor in model.value.named_parameters() if _has_no_number(tensor)]:
        return questions.parameters_not_finite(model.name, names)
    for batch in situation.batches:
        for item in items_of(batch):
            if _has_no_number(item.value):
                return questions.data_not_finite(spelled(item.path, batch), magic)
    return None


def _has_no_number(value: object) -> bool:
    if not isinstance(value, torch.Tensor) or not value.is_floating_point() or value.layout != torch.strided:
        return False
    return not bool(torch.isfinite(value).all())
