"""What a loss function expects, told by what it is: class indices, a target of the output's shape, or its own."""

from __future__ import annotations

import functools
from enum import Enum
from typing import Any

import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import nn


class LossKind(Enum):
    """How the target of a loss relates to the output."""

    INDEX = "class indices, one per prediction"
    ELEMENTWISE = "a target of the output's shape"
    OWN = "whatever its author decided"


_INDEX = (nn.CrossEntropyLoss, nn.NLLLoss)
_ELEMENTWISE = (
    nn.MSELoss,
    nn.L1Loss,
    nn.SmoothL1Loss,
    nn.HuberLoss,
    nn.BCELoss,
    nn.BCEWithLogitsLoss,
    nn.KLDivLoss,
    nn.PoissonNLLLoss,
    nn.SoftMarginLoss,
    nn.MultiLabelSoftMarginLoss,
)
_INDEX_FUNCTIONS = (F.cross_entropy, F.nll_loss)
_ELEMENTWISE_FUNCTIONS = (
    F.mse_loss,
    F.l1_loss,
    F.smooth_l1_loss,
    F.huber_loss,
    F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits,
    F.kl_div,
    F.poisson_nll_loss,
    F.soft_margin_loss,
    F.multilabel_soft_margin_loss,
)
_OF_LOGITS = (nn.BCEWithLogitsLoss, nn.SoftMarginLoss, nn.MultiLabelSoftMarginLoss)
_OF_LOGITS_FUNCTIONS = (F.binary_cross_entropy_with_logits, F.soft_margin_loss, F.multilabel_soft_margin_loss)
_PROBABILITY_TARGETS = (nn.BCELoss, nn.BCEWithLogitsLoss)
_PROBABILITY_FUNCTIONS = (F.binary_cross_entropy, F.binary_cross_entropy_with_logits)


def kind_of(loss_fn: object) -> LossKind:
    """Classify a loss function by its type, or by the torch function that it is (through ``functools.partial``)."""
    function = bare(loss_fn)
    if isinstance(function, _INDEX) or _is_one_of(function, _INDEX_FUNCTIONS):
        return LossKind.INDEX
    if isinstance(function, _ELEMENTWISE) or _is_one_of(function, _ELEMENTWISE_FUNCTIONS):
        return LossKind.ELEMENTWISE
    return LossKind.OWN


def wants_log_probabilities(loss_fn: object) -> bool:
    """Tell whether a loss is NLL, which takes raw outputs without complaint and then means nothing."""
    function = bare(loss_fn)
    return isinstance(function, nn.NLLLoss) or function is F.nll_loss


def wants_probability_targets(loss_fn: object) -> bool:
    """Tell whether a loss is a binary cross entropy, whose targets lie between 0 and 1."""
    function = bare(loss_fn)
    return isinstance(function, _PROBABILITY_TARGETS) or _is_one_of(function, _PROBABILITY_FUNCTIONS)


def takes_logits(loss_fn: object) -> bool | None:
    """Whether a loss of yes and no takes scores of any size; False for probabilities, None where it does not say."""
    function = bare(loss_fn)
    if isinstance(function, nn.BCELoss) or function is F.binary_cross_entropy:
        return False
    is_of_logits = isinstance(function, _OF_LOGITS) or _is_one_of(function, _OF_LOGITS_FUNCTIONS)
    return True if is_of_logits else None


def is_torch_loss(loss_fn: object) -> bool:
    """Tell whether a callable is a loss of torch itself."""
    function = bare(loss_fn)
    return isinstance(function, nn.modules.loss._Loss) or kind_of(function) is not LossKind.OWN  # noqa: SLF001


def ignored_index(loss_fn: object) -> int:
    """Return the target value that the loss leaves out."""
    keywords = loss_fn.keywords if isinstance(loss_fn, functools.partial) else {}
    return int(keywords.get("ignore_index", getattr(loss_fn, "ignore_index", -100)))


def _is_one_of(function: object, functions: tuple[object, ...]) -> bool:
    return any(function is known for known in functions)


def bare(loss_fn: Any) -> Any:
    """Look through ``functools.partial``."""
    while isinstance(loss_fn, functools.partial):
        loss_fn = loss_fn.func
    return loss_fn
