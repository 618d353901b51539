"""Why no loss could be told, as a question that names what is there and how to say what is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lr_magic.notebook.discovery import questions
from lr_magic.notebook.discovery.batch_items import items_of
from lr_magic.notebook.discovery.describe import describe_tensor
from lr_magic.notebook.discovery.loss_kind import LossKind, bare, kind_of, wants_log_probabilities
from lr_magic.notebook.discovery.outputs import is_probability, predictions
from lr_magic.notebook.discovery.why_untrainable import why_untrainable

if TYPE_CHECKING:
    from lr_magic.notebook.discovery.guess import Situation
    from lr_magic.pure.errors import DiscoveryError


def why_no_loss(situation: Situation, output: object, target: Any) -> DiscoveryError:
    """Build the question for an output that no loss of the notebook fits, and no default either."""
    if (question := why_untrainable(situation)) is not None:
        return question
    if any(part.is_floating_point() and bool(part.isnan().any()) for _, part in predictions(output)):
        return questions.output_not_a_number(situation.model.name, situation.magic)
    if situation.unsound and not situation.unsound[0].is_of_first_batch:
        return questions.unfit_batch(situation.unsound[0].loss, situation.unsound[0].reason, situation.magic)
    return _why_none_fits(situation, output, target)


def _why_none_fits(situation: Situation, output: object, target: Any) -> DiscoveryError:
    seen = _seen(situation, output, target)
    if situation.expression is not None:
        known = [failure.reason for failure in situation.failures] + [each.reason for each in situation.unsound]
        reason = known[-1] if known else "it is not a finite scalar that can be trained."
        return questions.no_loss(f"`{situation.expression.text}` is not a loss here: {reason}", situation.magic)
    if situation.criteria:
        name = situation.criteria[0].name
        why, example = _unfit(situation.criteria[0].candidate.value, name, output, target)
        if situation.unsound:
            why = f"`{situation.unsound[0].loss}` fits, but cannot be trained on: {situation.unsound[0].reason}."
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


def _unfit(loss_fn: object, name: str, output: object, target: Any) -> tuple[str, str]:
    if isinstance(loss_fn, type):
        return f"`{name}` is a class, not an object of it: it misses its parentheses.", f"{name}()"
    kind = type(bare(loss_fn)).__name__ if isinstance(loss_fn, nn.Module) else "a function"
    if wants_log_probabilities(loss_fn) and len(predictions(output)) == 1:
        return f"`{name}` ({kind}) takes log-probabilities, which these are not.", f"{name}(F.log_softmax(out, 1), y)"
    if isinstance(loss_fn, nn.BCELoss):
        return f"`{name}` (BCELoss) takes probabilities of the target's shape.", f"{name}(torch.sigmoid(out), y)"
    if kind_of(loss_fn) is LossKind.INDEX and (beyond := _beyond_classes(output, target)) is not None:
        why, shift = beyond
        return why, f"{name}(out, y{shift})"
    return f"`{name}` ({kind}) does not fit them exactly as they are.", f"{name}(out, y)"


def _beyond_classes(output: object, target: Any) -> tuple[str, str] | None:
    """Say that class numbers lie outside of the output's, and what would shift them into it; None where they do not."""
    parts = predictions(output)
    if len(parts) != 1 or not isinstance(target, torch.Tensor) or target.is_floating_point() or not target.numel():
        return None
    num_classes = parts[0][1].shape[1] if parts[0][1].ndim > 1 else 0
    lowest, highest = int(target.min()), int(target.max())
    if num_classes < 2 or (lowest >= 0 and highest < num_classes):
        return None
    seen = f"the target holds class numbers {lowest} to {highest}, the output has scores for 0 to {num_classes - 1}"
    if highest - lowest >= num_classes:
        return f"{seen}: the model needs {highest - lowest + 1} outputs.", ""
    return f"{seen}.", f" {'-' if lowest > 0 else '+'} {abs(lowest)}"
