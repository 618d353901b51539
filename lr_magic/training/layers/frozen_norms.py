"""Batch norm in frozen layers keeps its running statistics and normalises with them, whatever loop trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterable


def _stay_as_learned(module: nn.Module, _inputs: Any) -> None:
    """Forward pre-hook: a frozen batch norm runs in eval mode.

    A hook, because every training loop begins its epochs with ``model.train()``, which would set the flag again.
    """
    if module.training:
        module.training = False


def hold_norms(modules: Iterable[nn.Module]) -> int:
    """Keep every batch norm in these modules as it is; returns how many there are."""
    norms = batch_norms(modules)
    for norm in norms:
        if not is_held(norm):
            norm.register_forward_pre_hook(_stay_as_learned)
    return len(norms)


def release_norms(modules: Iterable[nn.Module]) -> None:
    """Let every batch norm in these modules learn again: its flag becomes that of a module in training."""
    for norm in batch_norms(modules):
        held = [key for key, hook in norm._forward_pre_hooks.items() if hook is _stay_as_learned]  # noqa: SLF001
        for key in held:
            del norm._forward_pre_hooks[key]  # noqa: SLF001 - the handle was not kept, so that nothing has to be
            norm._forward_pre_hooks_with_kwargs.pop(key, None)  # noqa: SLF001
            norm.train()


def batch_norms(modules: Iterable[nn.Module]) -> list[nn.Module]:
    """Batch norms with running statistics, and their like, in modules and below."""
    found = {id(inner): inner for module in modules for inner in module.modules() if _has_statistics(inner)}
    return list(found.values())


def norms_with_parameters(model: nn.Module) -> list[tuple[nn.Module, list[nn.Parameter]]]:
    """Batch norms of a model with the parameters that decide about them: their own, else those of the module around."""
    return [
        (norm, list(norm.parameters()) or list(parent.parameters()))
        for parent in model.modules()
        for norm in parent.children()
        if _has_statistics(norm)
    ]


def is_held(norm: nn.Module) -> bool:
    """Whether `hold_norms` keeps it."""
    return any(hook is _stay_as_learned for hook in norm._forward_pre_hooks.values())  # noqa: SLF001


def _has_statistics(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._NormBase) and module.running_mean is not None  # noqa: SLF001
