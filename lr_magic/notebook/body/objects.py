"""What a body trains: the optimizer and the model behind the names that it mentions."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lr_magic.notebook.body.names import reached_functions, read_names, runs_unseen_code
from lr_magic.notebook.discovery import questions
from lr_magic.notebook.discovery.candidates import Candidate, Candidates, collect
from lr_magic.notebook.discovery.identity import former_model, optimized, parameter_ids
from lr_magic.notebook.discovery.wiring import owner_of, wire
from lr_magic.training.restoring.touched import parts_of, touched_objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import CodeType

    from lr_magic.notebook.discovery.cell_history import CellHistory
    from lr_magic.notebook.discovery.request import DiscoveryRequest


@dataclass(frozen=True)
class BodyObjects:
    """What a body trains.

    Attributes
    ----------
    model, optimizer
        With the names that reach them; `optimizer` is None where the notebook has none.
    candidates
        Everything in the notebook that the body mentions, itself or through the notebook's functions.
    touched
        Further objects that running the body may change: other modules and optimizers, lists that it appends to.
    """

    model: Candidate
    optimizer: Candidate | None
    candidates: Candidates
    touched: tuple[Any, ...]


def find_objects(
    code: CodeType,
    namespace: Mapping[str, Any],
    request: DiscoveryRequest,
    history: CellHistory,
    *,
    drawn_from: CodeType,
) -> BodyObjects:
    """Find optimizer and model among the names of the body, and elsewhere in the notebook where it names none.

    Parameters
    ----------
    drawn_from
        What the loop goes over: drawing from it changes things, too.
    """
    names = mentioned_names([code], namespace)
    everything = collect(namespace)
    mentioned = _only(everything, names)
    _refuse_step_in_parts(mentioned.optimizers, names, request)
    model, optimizer = _trained(mentioned, everything, namespace, request, history)
    # A wrapper around the optimizer that the engine steps may have a state of its own.
    known = [model.value, *([unwrapped_optimizer(optimizer.value)] if optimizer else [])]
    own_module = str(namespace.get("__name__", "__main__"))
    changing = parts_of(touched_objects(changeable_names([code, drawn_from], namespace), namespace), own_module)
    touched = [value for value in changing if all(value is not each for each in known)]
    return BodyObjects(model, optimizer, mentioned, tuple(touched))


def mentioned_names(codes: Sequence[CodeType], namespace: Mapping[str, Any]) -> list[str]:
    """Names that pieces of code mention, and those that functions of the notebook reached from it mention."""
    return list(dict.fromkeys(name for part in _all_code(codes, namespace) for name in read_names(part)))


def changeable_names(codes: Sequence[CodeType], namespace: Mapping[str, Any]) -> list[str]:
    """Names whose objects running the code may change: those it mentions; all, where it runs code that is not seen."""
    if any(runs_unseen_code(part) for part in _all_code(codes, namespace)):
        return [name for name in namespace if not name.startswith("_")]
    return mentioned_names(codes, namespace)


def _all_code(codes: Sequence[CodeType], namespace: Mapping[str, Any]) -> Iterator[CodeType]:
    for code in codes:
        yield code
        yield from (function.__code__ for function in reached_functions(code, namespace))


def unwrapped_optimizer(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Return the torch optimizer inside a wrapper (accelerate's, Fabric's): the one whose step changes the weights."""
    inner = getattr(optimizer, "optimizer", None)
    return unwrapped_optimizer(inner) if isinstance(inner, torch.optim.Optimizer) else optimizer


def _refuse_step_in_parts(optimizers: Sequence[Candidate], names: Sequence[str], request: DiscoveryRequest) -> None:
    """Refuse an optimizer whose step the body makes by other methods than `step` (SAM's `first_step`)."""
    for optimizer in optimizers:
        own = [name for name in names if name.endswith("_step") and callable(getattr(optimizer.value, name, None))]
        if own and request.optimizer in (None, *optimizer.names):
            raise questions.step_in_parts(optimizer.name, own, request.magic)


def _only(candidates: Candidates, names: Sequence[str]) -> Candidates:
    def is_mentioned(candidate: Candidate) -> bool:
        return any(_head(name) in names for name in candidate.names)

    kept = {part.name: [c for c in getattr(candidates, part.name) if is_mentioned(c)] for part in fields(candidates)}
    return Candidates(**kept)


def _head(name: str) -> str:
    return name.split(".", 1)[0].split("[", 1)[0]


def _trained(
    mentioned: Candidates,
    everything: Candidates,
    namespace: Mapping[str, Any],
    request: DiscoveryRequest,
    history: CellHistory,
) -> tuple[Candidate, Candidate | None]:
    """Choose optimizer and model; asks where the body steps several optimizers."""
    if request.model is None and request.optimizer is None:
        if len(mentioned.optimizers) > 1:
            pairs = [(o, owner_of(o, everything.models)) for o in mentioned.optimizers]
            shown = [(o.name, m.name if m else "tensors") for o, m in pairs]
            raise questions.several_optimizers(shown, request.magic)
        if mentioned.optimizers:
            return _model_of(mentioned.optimizers[0], mentioned, everything, request.magic), mentioned.optimizers[0]
    narrowed = Candidates(models=mentioned.models or everything.models, optimizers=_fitting(mentioned, everything))
    wiring = wire(narrowed, request, namespace, history)
    return wiring.model, wiring.optimizer


def _fitting(mentioned: Candidates, everything: Candidates) -> list[Candidate]:
    """Optimizers that hold a parameter of a module that the body mentions."""
    held = {parameter for m in mentioned.models for parameter in parameter_ids(m.value)}
    fitting = [o for o in everything.optimizers if held & {id(tensor) for tensor in optimized(o.value)}]
    return mentioned.optimizers or fitting or everything.optimizers


def _model_of(optimizer: Candidate, mentioned: Candidates, everything: Candidates, magic: str) -> Candidate:
    """Choose the module that holds what the optimizer updates; several together where none holds all of it."""
    for models in (mentioned.models, everything.models):
        if owner := owner_of(optimizer, models):
            return owner
    wanted = {id(tensor) for tensor in optimized(optimizer.value)}
    sharing = [m for m in everything.models if wanted & parameter_ids(m.value)]
    held = {parameter for m in sharing for parameter in parameter_ids(m.value)}
    loose = [tensor for tensor in optimized(optimizer.value) if id(tensor) not in held]
    former = None if sharing else former_model(optimizer.value, mentioned.models)
    if former is not None:
        raise questions.optimizer_of_former_model(optimizer, former.name, magic)
    if not sharing and not loose:
        raise questions.optimizer_of_no_module(optimizer, magic)
    return Candidate(Together([m.value for m in sharing], loose), (" + ".join(m.name for m in sharing) or "tensors",))


class Together(nn.Module):
    """Several modules, or tensors of no module, that one optimizer trains: an encoder and a decoder, an image."""

    def __init__(self, modules: Sequence[nn.Module], tensors: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(modules)
        for number, tensor in enumerate(tensors):
            # not `register_parameter`: it refuses the plain tensors that an optimizer accepts
            self._parameters[f"tensor_{number}"] = tensor  # type: ignore[assignment]
