"""Which module holds which parameters: everything here goes by identity, nothing by name or equality."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch
    from torch import nn

    from lr_magic.notebook.discovery.candidates import Candidate


def parameter_ids(module: nn.Module) -> set[int]:
    """Identities of a module's parameters."""
    return {id(parameter) for parameter in module.parameters()}


def optimized(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """Tensors that an optimizer updates."""
    return [tensor for group in optimizer.param_groups for tensor in group["params"]]


def roots(models: Iterable[Candidate]) -> list[Candidate]:
    """Candidates that are not part of another one, by the modules they contain."""
    listed = list(models)
    contained = {id(m.value): {id(inner) for inner in m.value.modules()} for m in listed}
    return [
        m
        for m in listed
        if not any(id(m.value) in contained[id(other.value)] for other in listed if other.value is not m.value)
    ]


def former_model(optimizer: torch.optim.Optimizer, models: Iterable[Candidate]) -> Candidate | None:
    """Model that was made anew and its optimizer was not, told by the shapes of what the optimizer holds."""
    held = [tensor.shape for tensor in optimized(optimizer)]
    alike = [m for m in models if [parameter.shape for parameter in m.value.parameters()] == held]
    return alike[-1] if alike else None
