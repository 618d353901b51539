"""A few words about an object, for the report and for questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lr_magic.notebook.discovery.identity import optimized
from lr_magic.training.layers.layer_units import unwrapped


def describe_model(model: nn.Module) -> str:
    """``ViT, 85.8 M params, 2.3 k trained``."""
    counts = [(p.numel(), p.requires_grad) for p in model.parameters() if _has_shape(p)]
    total, trained = sum(n for n, _ in counts), sum(n for n, is_trained in counts if is_trained)
    partly = f", {si(trained)} trained" if trained != total else ""
    return f"{type(unwrapped(model)).__name__}, {si(total)} params{partly}"


def _has_shape(parameter: torch.Tensor) -> bool:
    return not nn.parameter.is_lazy(parameter)


def describe_optimizer(optimizer: torch.optim.Optimizer) -> str:
    """``Adam, 1 group, lr 0.001``."""
    groups = optimizer.param_groups
    lrs = sorted({float(group["lr"]) for group in groups if "lr" in group})
    shown = " to ".join(f"{lr:.3g}" for lr in ([lrs[0], lrs[-1]] if len(lrs) > 1 else lrs))
    plural = "" if len(groups) == 1 else "s"
    return f"{type(optimizer).__name__}, {len(groups)} group{plural}" + (f", lr {shown}" if lrs else "")


def describe_loader(loader: object) -> str:
    """``469 batches of 128``."""
    size: Any = getattr(loader, "batch_size", None) or getattr(
        getattr(loader, "batch_sampler", None), "batch_size", None
    )
    of = f" of {size}" if isinstance(size, int) else ""
    length = length_of(loader)
    return f"batches{of}, length unknown" if length is None else f"{length} batch{'' if length == 1 else 'es'}{of}"


def length_of(loader: object) -> int | None:
    """Return the number of batches; None where the loader cannot say."""
    try:
        return len(loader)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError, AttributeError):
        return None


def describe_value(value: object) -> str:
    """Say what something is where a model, a loader or an optimizer was expected."""
    if isinstance(value, torch.Tensor):
        return f"a tensor {describe_tensor(value)}"
    if isinstance(value, type):
        return f"the class {value.__name__}, not an object of it"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def describe_tensor(tensor: torch.Tensor) -> str:
    """``[32, 10] float32``."""
    return f"{list(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def describe_batch(batch: object) -> str:
    """``(labels [50] int64, …)``: what a batch holds, for a question about it."""
    if isinstance(batch, torch.Tensor):
        return describe_tensor(batch)
    if isinstance(batch, Mapping):
        return "{" + ", ".join(f"{key}: {describe_batch(item)}" for key, item in list(batch.items())[:6]) + "}"
    if isinstance(batch, (list, tuple)):
        return "(" + ", ".join(describe_batch(item) for item in batch[:6]) + ")"
    return type(batch).__name__


def describe_params(optimizer: torch.optim.Optimizer) -> str:
    """``[1, 3, 400, 600] float32 and 3 more``: what an optimizer holds."""
    tensors = optimized(optimizer)
    more = f" and {len(tensors) - 1} more" if len(tensors) > 1 else ""
    return (describe_tensor(tensors[0]) if tensors else "nothing") + more


def si(count: int) -> str:
    """Shorten a count.

    >>> si(950), si(85_800), si(1_234_567)
    ('950', '85.8 k', '1.23 M')
    """
    for size, unit in ((10**9, " G"), (10**6, " M"), (10**3, " k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)
