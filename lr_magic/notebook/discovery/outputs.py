"""What a model returned: a loss of its own, or the outputs that a loss could be taken of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from lr_magic.notebook.discovery.batch_items import Path

SUM = "sum of the dict"


def own_loss(output: object, *, was_given_target: bool) -> tuple[Path | str, torch.Tensor] | None:
    """Return where the model's own loss is in its output, with its value; None where it computes none.

    A scalar beside other things in a bare tuple counts only if the target went in: a VQ-VAE returns just its
    commitment term that way.
    """
    if _is_loss(output):
        return (), output  # type: ignore[return-value]
    named = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
    if _is_loss(named):
        return ("loss",), named  # type: ignore[return-value]
    if isinstance(output, Mapping) and output and all(_is_loss(value) for value in output.values()):
        return SUM, sum(output.values())  # type: ignore[return-value]
    if isinstance(output, (tuple, list)) and was_given_target:
        scalars = [i for i, part in enumerate(output) if _is_loss(part)]
        if len(scalars) == 1:
            return (scalars[0],), output[scalars[0]]
    return None


def _is_loss(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.numel() == 1 and value.ndim == 0 and value.requires_grad


def predictions(output: Any) -> list[tuple[Path, torch.Tensor]]:
    """Return the tensors of an output that a loss could be taken of, each with its path.

    ``.logits`` settles it; an LSTM's states and other tuples inside the tuple are passed over.
    """
    if isinstance(output, torch.Tensor):
        return [((), output)]
    if isinstance(output, Mapping):
        named: list[tuple[Path, Any]] = [
            ((key,), value) for key, value in output.items() if isinstance(value, torch.Tensor)
        ]
    elif isinstance(output, tuple) and hasattr(output, "_fields"):
        named = [((key,), getattr(output, key)) for key in output._fields]
    elif isinstance(output, (tuple, list)):
        return [((i,), part) for i, part in enumerate(output) if isinstance(part, torch.Tensor)]
    else:
        held = getattr(output, "__dict__", {})
        named = [((key,), value) for key, value in held.items()]
    tensors = [(path, value) for path, value in named if isinstance(value, torch.Tensor)]
    logits = [pair for pair in tensors if pair[0][0] in {"logits", "out"}]
    # Another head of the same shape (`aux_logits`) has a part in the loss that only the loop knows.
    rivals = [value for path, value in tensors if logits and path != logits[0][0] and value.shape == logits[0][1].shape]
    return logits if logits and not rivals else tensors


def is_probability(output: torch.Tensor) -> bool:
    """Tell whether rows are non-negative and sum to one: softmax has been taken already."""
    if output.ndim < 2 or output.shape[1] < 2 or not output.is_floating_point():
        return False
    sums = output.detach().sum(1)
    return bool((output >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-3)


def is_log_probability(output: torch.Tensor) -> bool:
    """Tell whether the exponentials of rows sum to one: log-softmax has been taken already."""
    return output.ndim >= 2 and bool((output <= 0).all()) and is_probability(output.detach().exp())
