"""Whether a loss can be derived twice: kernels that can, and a refusal in words where there is none."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from lr_magic.pure.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@contextmanager
def twice_derivable() -> Iterator[None]:
    """Keep to kernels that have a second derivative, where torch has some of both kinds.

    Raises
    ------
    SettingError
        In place of torch's error, where a compiled model has none.
    """
    try:
        with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False):
            yield
    except RuntimeError as error:
        if "double backward" not in str(error):
            raise
        raise _not_twice_derivable(str(error)) from error


def refuse_without_graph(loss: torch.Tensor) -> None:
    """Raise SettingError where the loss does not depend on any parameter that is trained."""
    if not loss.requires_grad:
        raise _not_twice_derivable("the one of this setup carries no graph")


def refuse_once_derivable(grads: Iterable[torch.Tensor]) -> None:
    """Raise SettingError where the graph of the gradients is cut.

    The second derivative along a cut is not an error, but silently zero where only the parameters are asked for.
    """
    seen, ahead = set(), [grad.grad_fn for grad in grads]
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        if node.name() in ("torch::autograd::Error", "torch::autograd::NotImplemented"):
            raise _not_twice_derivable("an operation in this model has no second derivative")
        seen.add(node)
        ahead += [following for following, _ in node.next_functions]


def _not_twice_derivable(reason: str) -> SettingError:
    return SettingError(f"The curvature needs a loss that can be derived twice: {reason}. → leave --sharpness out")
