"""Objects that accelerate has prepared, without their wrapper: in one process they are the person's own inside."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def base_optimizer(optimizer: Any) -> torch.optim.Optimizer:
    """Return the torch optimizer inside an ``AcceleratedOptimizer``, which steps only when its Accelerator says so."""
    wrapper = getattr(sys.modules.get("accelerate.optimizer"), "AcceleratedOptimizer", None)
    return optimizer.optimizer if wrapper is not None and isinstance(optimizer, wrapper) else optimizer  # type: ignore[no-any-return]


def base_loader(loader: Any) -> Any:
    """Return the torch loader inside a prepared one, which notes every pass in the process's shared state."""
    wrapper = getattr(sys.modules.get("accelerate.data_loader"), "DataLoaderAdapter", None)
    return loader.base_dataloader if wrapper is not None and isinstance(loader, wrapper) else loader
