"""Helpers that compute the loss of a batch themselves: ``calc_loss_batch(x, y, model, device)``, ``training_step``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from lr_magic.notebook.discovery.batch_items import items_of
from lr_magic.notebook.discovery.loss_candidates import sounds_like_loss
from lr_magic.notebook.discovery.own_step.follow import Followed
from lr_magic.notebook.discovery.own_step.own_step import OwnStep
from lr_magic.notebook.discovery.own_step.rewriting import BACKWARD
from lr_magic.notebook.discovery.own_step.roles import Cast, bindings
from lr_magic.notebook.discovery.own_step.step_source import StepSource, plain_function
from lr_magic.notebook.discovery.words import sounds_like_loader, words_of
from lr_magic.training.layers.layer_units import unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from lr_magic.notebook.discovery.candidates import Candidate
    from lr_magic.notebook.discovery.cell_history import CellHistory

_BATCH = "__lr_magic_batch__"
_HELPER = "__lr_magic_helper__"
_NOT_OF_A_BATCH = frozenset(
    [
        "t",
        "step",
        "steps",
        "timestep",
        "timesteps",
        "noise",
        "sigma",
        "eps",
        "alpha",
        "beta",
        "gamma",
        "lam",
        "weight",
        "weights",
        "hidden",
        "h",
        "state",
        "epoch",
    ]
)


def helpers(
    functions: list[Candidate], model_name: str, cast: Cast, history: CellHistory, batch: object
) -> Iterator[Followed]:
    """Yield every helper that can be called with the parts of a batch."""
    own = getattr(unwrapped(cast.model), "training_step", None)
    if callable(own) and not isinstance(own, nn.Module) and (call := _taking_batch(own, {}, batch)) is not None:
        yield _followed(f"{model_name}.training_step", call, (10**6, 0))
    named = [c for c in functions if sounds_like_loss(c.name) and not sounds_like_loader(c.name)]
    yield from helpers_among(named, model_name, cast, history, batch)


def helpers_among(
    functions: list[Candidate], model_name: str, cast: Cast, history: CellHistory, batch: object
) -> Iterator[Followed]:
    """Yield those functions, whatever their name, that run the model and can be called with the parts of a batch."""
    for candidate in functions:
        function = plain_function(candidate.value)
        if function is None:
            continue
        given = bindings(function, cast, history)
        if model_name not in function.__code__.co_names and not any(value is cast.model for value in given.values()):
            continue
        if (call := _taking_batch(function, given, batch)) is not None:
            yield _followed(f"{candidate.name}()", call, history.last_assignment(candidate.name))


def _taking_batch(function: Callable[..., Any], given: Mapping[str, Any], batch: object) -> Callable[[Any], Any] | None:
    """Bind everything but the batch; None where its parts do not fit what is left."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
    left = [
        p.name
        for p in parameters.values()
        if p.name not in given and p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    known = {name: value for name, value in given.items() if name in parameters}
    if left[1:] == ["batch_idx"]:
        return lambda batch: function(batch, 0)
    if len(left) == 1 and not _NOT_OF_A_BATCH & set(words_of(left[0])):
        return lambda batch: function(**known, **{left[0]: batch})
    is_tuple = isinstance(batch, (tuple, list)) and len(items_of(batch)) == len(left)
    if not is_tuple or len(left) < 2 or any(_NOT_OF_A_BATCH & set(words_of(name)) for name in left):
        return None
    return lambda batch: function(**known, **dict(zip(left, batch, strict=True)))


def _followed(name: str, call: Callable[[Any], Any], moment: tuple[int, int]) -> Followed:
    code = compile(f"{BACKWARD}({_HELPER}({_BATCH}))", f"<{name}>", "exec")
    nothing = compile("", f"<{name}>", "exec")
    step = OwnStep(name, nothing, code, {_HELPER: lambda batch: _loss_in(call(batch))}, batch_names=(_BATCH,))
    return Followed(StepSource(name, [], f"<{name}>", moment), step, goes_over=None)


def _loss_in(returned: Any) -> Any:
    """Return the loss of ``loss``, ``(loss, …)`` and ``{"loss": …}``."""
    if isinstance(returned, Mapping):
        return returned["loss"]
    return returned[0] if isinstance(returned, (tuple, list)) else returned
