"""Loss functions of the notebook: by type first, by name only among callables of two arguments."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from lr_magic.notebook.discovery.forward_signature import forward_parameters
from lr_magic.notebook.discovery.loss_kind import bare, is_torch_loss
from lr_magic.notebook.discovery.words import Split, sounds_like_loader, sounds_like_target, split_of, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lr_magic.notebook.discovery.candidates import Candidate, Candidates

_LOSS_WORDS = frozenset({"criterion", "crit", "cost", "objective", "elbo", "nll"})
_METRIC_WORDS = frozenset({"bce", "mse", "mae", "rmse", "dice", "iou"})
_NOT_A_LOSS = frozenset(
    {"plot", "show", "print", "draw", "save", "eval", "evaluate", "estimate", "test", "valid", "val"}
)
_ARGUMENT_WORDS = frozenset(
    ["model", "net", "network", "loader", "dataloader", "device", "optimizer", "criterion", "fn", "func", "batch"]
)
_FOREIGN = frozenset({"sklearn", "numpy", "scipy", "matplotlib", "pandas", "torchmetrics", "keras", "tensorflow"})


@dataclass(frozen=True)
class LossCandidate:
    """A callable that may be the loss; ``is_swapped`` where its parameters say that the target comes first."""

    candidate: Candidate
    is_swapped: bool = False

    @property
    def name(self) -> str:
        """How the person calls it."""
        return self.candidate.name

    def __call__(self, output: Any, target: Any) -> Any:
        """Apply the loss."""
        return self.candidate.value(target, output) if self.is_swapped else self.candidate.value(output, target)


def loss_candidates(candidates: Candidates) -> list[LossCandidate]:
    """Return every callable ``(output, target)`` that may be the training loss; those for validation are left out.

    What may just as well be a metric (``rmse``), or was merely imported from torch, counts where there is nothing else.
    """
    models = {name for model in candidates.models for name in model.names}
    callables = [c for c in (*candidates.parameterless, *candidates.functions) if not models & _names_called(c.value)]
    found = [c for c in callables if _is_loss(c, sounds_like_loss)] or [
        c for c in callables if _is_loss(c, _sounds_like_metric) or _is_imported(c)
    ]
    trained = [c for c in found if not all(split_of(n) in {Split.VALID, Split.TEST} for n in c.names)]
    return [LossCandidate(c, is_swapped=_target_comes_first(c.value)) for c in (trained or found)]


def sounds_like_loss(name: str) -> bool:
    """Tell whether a name is like ``loss_fn``, ``focal_loss``, ``criterion``; not like ``plot_loss``.

    >>> sounds_like_loss("calc_loss_batch"), sounds_like_loss("plot_losses")
    (True, False)
    """
    words = words_of(name)
    return not (_NOT_A_LOSS & set(words)) and any(w in _LOSS_WORDS or w.startswith("loss") for w in words)


def _sounds_like_metric(name: str) -> bool:
    return bool(_METRIC_WORDS & set(words_of(name)))


def _is_imported(candidate: Candidate) -> bool:
    """Tell whether it is one of torch's loss functions under torch's own name: imported, perhaps with many others."""
    return is_torch_loss(candidate.value) and getattr(candidate.value, "__name__", None) in candidate.names


def unusable_losses(candidates: Candidates, usable: list[LossCandidate]) -> list[Candidate]:
    """Return callables that sound like a loss but take something else than ``(output, target)``."""
    known = {id(loss.candidate.value) for loss in usable}
    listed = [c for c in (*candidates.parameterless, *candidates.functions) if id(c.value) not in known]
    return [c for c in listed if _is_own(c.value) and any(sounds_like_loss(n) for n in c.names) and _is_of_a_batch(c)]


def _is_of_a_batch(candidate: Candidate) -> bool:
    """Tell whether a callable may compute a batch's loss: not one that goes over a loader, nor one that trains."""
    if is_torch_loss(candidate.value) or "backward" in _names_called(candidate.value):
        return False
    parameters = required_parameters(candidate.value) or []
    return bool(parameters) and not any(sounds_like_loader(name) for name in parameters)


def _is_loss(candidate: Candidate, sounds_like: Callable[[str], bool]) -> bool:
    value = candidate.value
    if is_torch_loss(value):
        return not _is_imported(candidate)
    if isinstance(value, nn.Module) and type(value).__module__.startswith("torch.nn"):
        return False
    by_class = isinstance(value, nn.Module) and sounds_like(type(value).__name__)
    sounds = by_class or any(sounds_like(name) for name in candidate.names)
    return sounds and _is_own(value) and _takes_output_and_target(value)


def _names_called(value: object) -> set[str]:
    """Return the names that a function reads: one that runs the model itself takes inputs, not outputs."""
    return set(getattr(getattr(value, "__code__", None), "co_names", ()))


def _is_own(value: object) -> bool:
    module = getattr(value, "__module__", None) or type(value).__module__
    return module.split(".")[0] not in _FOREIGN


def _takes_output_and_target(value: object) -> bool:
    parameters = required_parameters(value)
    return (
        parameters is not None
        and len(parameters) == 2
        and not any(_ARGUMENT_WORDS & set(words_of(name)) for name in parameters)
    )


def required_parameters(value: Any) -> list[str] | None:
    """Return the names of the parameters that a callable must be given; None where it cannot be told."""
    parameters = forward_parameters(value) if isinstance(value, nn.Module) else _parameters_of(bare(value))
    if parameters is None:
        return None
    return [p.name for p in parameters if p.default is p.empty and p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}]


def _parameters_of(called: Callable[..., Any]) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError):
        return None


def _target_comes_first(value: object) -> bool:
    """Tell whether it is ``def loss(y_true, y_pred)``: the parameters say it, and torch's own losses never do."""
    names = None if is_torch_loss(value) else required_parameters(value)
    if names is None or len(names) != 2:
        return False
    first, second = (_is_target_name(name) for name in names)
    return first and not second


def _is_target_name(name: str) -> bool:
    predicted = {"pred", "preds", "prediction", "predictions", "hat", "predicted", "output", "outputs", "logits"}
    return sounds_like_target(name) and not predicted & set(words_of(name))
