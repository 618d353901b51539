"""What a body may call `loss`."""

from __future__ import annotations

from typing import Any

import torch

from lr_magic.pure.errors import DiscoveryError


def checked_loss(loss: Any, magic: str) -> torch.Tensor:
    """Return the body's `loss` where it is a scalar tensor.

    Raises
    ------
    DiscoveryError
        With the way out, for anything else.
    """
    if loss is None:
        raise DiscoveryError(
            "The body neither assigns `loss` nor calls `backward`. → end it with `loss = criterion(model(x), y)`, "
            f"or put `%%{magic}` above the whole training cell"
        )
    if not isinstance(loss, torch.Tensor):
        raise DiscoveryError(f"`loss` is {type(loss).__name__}, not a tensor. → assign `loss` before `.item()`")
    if loss.numel() != 1:
        raise DiscoveryError(f"`loss` has shape {list(loss.shape)}, one number was expected. → `loss = loss.mean()`")
    return loss
