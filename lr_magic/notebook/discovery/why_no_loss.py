"""Why no loss could be told, as a question that names what is there and how to say what is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lr_magic.notebook.discovery import questions
from lr_magic.notebook.discovery.batch_items import items_of
from lr_magic.notebook.discovery.describe import describe_tensor
from lr_magic.notebook.discovery.loss_kind import bare, wants_log_probabilities
from lr_magic.notebook.discovery.not_finite import not_finite
from lr_magic.notebook.discovery.outputs import is_probability, predictions

if TYPE_CHECKING:
    from lr_magic.notebook.discovery.guess import Situation
    from lr_magic.pure.errors import DiscoveryError


def why_no_loss(situation: Situation, output: object, target: Any) -> DiscoveryError:
    """Build the question for an output that no loss of the notebook fits, and no default either."""
    if (question := not_finite(situation)) is not None:
        return question
    seen = _seen(situation, output, target)
    if situation.expression is not None:
        reason = (
            situation.failures[-1].reason if situation.failures else "it is not a finite scalar that can be trained."
        )
        return questions.no_loss(f"`{situation.expression.text}` is not a loss here: {reason}", situation.magic)
    if situation.criteria:
        name = situation.criteria[0].name
        why, example = _unfit(situation.criteria[0].candidate.value, name, output)
        if _has_shape_of_input(output, situation.batches[0]):
            why, example = f"the output has the input's shape: is `{name}` to compare the two?", f"{name}(out, x)"
        return questions.no_loss(f"{seen}; {why}", situation.magic, example)
    if situation.unusable:
        name = situation.unusable[0].name
        why = f"`{name}` exists, but I cannot tell how you call it"
        return questions.no_loss(f"{seen}; {why}.", situation.magic, f"{name}(out, …)")
    parts = predictions(output)
    if any(is_probability(part) for _, part in parts):
        return questions.no_loss(
            f"{seen}; the output looks like probabilities and no criterion was found.",
            situation.magic,
            "F.nll_loss(out.log(), y)",
        )
    why = "no element of it fits the target alone" if len(parts) > 1 else "no default loss fits them"
    return questions.no_loss(f"{seen}; no criterion was found and {why}.", situation.magic, "my_loss(out, y)")


def _seen(situation: Situation, output: object, target: Any) -> str:
    parts = [describe_tensor(part) for _, part in predictions(output)]
    shown = parts[0] if len(parts) == 1 else f"{len(parts)} parts ({', '.join(parts[:4])})"
    wanted = f"the target is {describe_tensor(target)}" if isinstance(target, torch.Tensor) else "there is no target"
    return f"`{situation.model.name}` returns {shown} and {wanted}"


def _has_shape_of_input(output: object, batch: object) -> bool:
    items, parts = items_of(batch), predictions(output)
    first = items[0].value if items else None
    return len(parts) == 1 and isinstance(first, torch.Tensor) and parts[0][1].shape == first.shape


def _unfit(loss_fn: object, name: str, output: object) -> tuple[str, str]:
    if isinstance(loss_fn, type):
        return f"`{name}` is a class, not an object of it: it misses its parentheses.", f"{name}()"
    kind = type(bare(loss_fn)).__name__ if isinstance(loss_fn, nn.Module) else "a function"
    if wants_log_probabilities(loss_fn) and len(predictions(output)) == 1:
        return f"`{name}` ({kind}) takes log-probabilities, which these are not.", f"{name}(F.log_softmax(out, 1), y)"
    if isinstance(loss_fn, nn.BCELoss):
        return f"`{name}` (BCELoss) takes probabilities of the target's shape.", f"{name}(torch.sigmoid(out), y)"
    return f"`{name}` ({kind}) does not fit them exactly as they are.", f"{name}(out, y)"
