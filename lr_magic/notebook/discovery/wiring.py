"""Which optimizer trains which model: told by the identity of the parameters, never by a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from lr_magic.notebook.discovery import questions
from lr_magic.notebook.discovery.candidates import Candidate
from lr_magic.notebook.discovery.identity import former_model, optimized, parameter_ids, roots
from lr_magic.notebook.discovery.lookup import look_up
from lr_magic.notebook.discovery.typed_line import MODEL, typed_line
from lr_magic.pure.errors import DiscoveryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lr_magic.notebook.discovery.candidates import Candidates
    from lr_magic.notebook.discovery.cell_history import CellHistory
    from lr_magic.notebook.discovery.request import DiscoveryRequest


@dataclass(frozen=True)
class Wiring:
    """A model with the optimizer that trains it; `optimizer` is None where the notebook has none yet."""

    model: Candidate
    optimizer: Candidate | None
    others: tuple[Candidate, ...] = ()


def wire(
    candidates: Candidates, request: DiscoveryRequest, namespace: Mapping[str, object], history: CellHistory
) -> Wiring:
    """Choose model and optimizer; asks where two readings are possible."""
    model = _asked_model(request, namespace)
    optimizer = _asked_optimizer(request, namespace)
    models = [*candidates.models] if model is None else [model]
    if optimizer is not None:
        return _for_optimizer(optimizer, model, candidates, history, request.magic)
    if model is not None:
        return _for_model(model, candidates, history, request.magic)
    if not models:
        raise questions.no_model(request.magic)
    if not candidates.optimizers:
        return _without_optimizer(candidates, history, request.magic)
    return _latest_pair(candidates, history, request.magic)


def _asked_model(request: DiscoveryRequest, namespace: Mapping[str, object]) -> Candidate | None:
    if request.model is None:
        return None
    value = look_up(request.model, namespace, option=MODEL, magic=request.magic)
    if not isinstance(value, nn.Module):
        raise questions.not_a("a model (an nn.Module)", request.model, value, MODEL, request.magic)
    if next(value.parameters(), None) is None:
        way_out = f"`{typed_line(request.magic, MODEL, 'NAME')}` with a model"
        raise DiscoveryError(f"`{request.model}` has no parameters to train. → {way_out}.")
    return Candidate(value, (request.model,))


def _asked_optimizer(request: DiscoveryRequest, namespace: Mapping[str, object]) -> Candidate | None:
    if request.optimizer is None:
        return None
    value = look_up(request.optimizer, namespace, option="--optimizer", magic=request.magic)
    if not isinstance(value, torch.optim.Optimizer):
        raise questions.not_a("a torch optimizer", request.optimizer, value, "--optimizer", request.magic)
    return Candidate(value, (request.optimizer,))


def owner_of(optimizer: Candidate, models: Sequence[Candidate]) -> Candidate | None:
    """Return the root among the models that hold every tensor of the optimizer; several together, if none does."""
    wanted = {id(tensor) for tensor in optimized(optimizer.value)}
    holding_all = [m for m in models if wanted <= parameter_ids(m.value)]
    found = roots(holding_all)
    return found[0] if found else _together(wanted, models)


def _together(wanted: set[int], models: Sequence[Candidate]) -> Candidate | None:
    """Return the modules that hold an optimizer's tensors between them, as one: an encoder and a decoder."""
    sharing = roots([m for m in models if not wanted.isdisjoint(parameter_ids(m.value))])
    held: set[int] = set().union(*(parameter_ids(m.value) for m in sharing))
    if not sharing or not wanted <= held:
        return None
    joined = nn.ModuleDict({m.name.replace(".", "_"): m.value for m in sharing})
    return Candidate(joined, (" and ".join(f"`{m.name}`" for m in sharing), *(m.name for m in sharing)))


def _for_optimizer(
    optimizer: Candidate, model: Candidate | None, candidates: Candidates, history: CellHistory, magic: str
) -> Wiring:
    owner = _latest_owner(optimizer, candidates, history)
    if model is None:
        if owner is None:
            raise _of_no_module(optimizer, candidates, magic)
        return Wiring(owner, optimizer)
    if not _share(optimizer, model):
        own = [o.name for o in candidates.optimizers if _share(o, model)]
        name = owner.name if owner else None
        raise questions.optimizer_of_other_model(optimizer.name, model.name, name, magic, own=own[-1] if own else None)
    return Wiring(model, optimizer)


def _for_model(model: Candidate, candidates: Candidates, history: CellHistory, magic: str) -> Wiring:
    """Take the optimizer that holds the asked model's parameters; several of them are asked about."""
    sharing = [o for o in candidates.optimizers if _share(o, model)]
    if not sharing:
        return Wiring(model, None)
    latest = _latest(sharing, history)
    if len(latest) > 1:
        raise questions.several_optimizers([(o.name, model.name) for o in latest], magic)
    return Wiring(model, latest[0], tuple(o for o in sharing if o is not latest[0]))


def _without_optimizer(candidates: Candidates, history: CellHistory, magic: str) -> Wiring:
    found = roots(candidates.models)
    if len(found) > 1:
        ordered = sorted(found, key=lambda m: history.last_assignment(m.name), reverse=True)
        raise questions.several_models([m.name for m in ordered], magic)
    return Wiring(found[0], None)


def _latest_pair(candidates: Candidates, history: CellHistory, magic: str) -> Wiring:
    """Pair every optimizer with its model; of several pairs the one made last, of several made together none."""
    pairs = [(o, _latest_owner(o, candidates, history)) for o in candidates.optimizers]
    owned = [(o, m) for o, m in pairs if m is not None]
    if not owned:
        raise _of_no_module(_latest(candidates.optimizers, history)[0], candidates, magic)
    latest = {o.name for o in _latest([o for o, _ in owned], history)}
    chosen = [(o, m) for o, m in owned if o.name in latest]
    if len(chosen) > 1:
        raise questions.several_optimizers([(o.name, m.name) for o, m in chosen], magic)
    optimizer, model = chosen[0]
    return Wiring(model, optimizer, tuple(o for o, _ in owned if o is not optimizer))


def _of_no_module(optimizer: Candidate, candidates: Candidates, magic: str) -> DiscoveryError:
    former = former_model(optimizer.value, candidates.models)
    if former is not None:
        return questions.optimizer_of_former_model(optimizer, former.name, magic)
    return questions.optimizer_of_no_module(optimizer, magic)


def _latest_owner(optimizer: Candidate, candidates: Candidates, history: CellHistory) -> Candidate | None:
    ordered = sorted(candidates.models, key=lambda m: history.last_assignment(m.name), reverse=True)
    return owner_of(optimizer, ordered)


def _latest(optimizers: Sequence[Candidate], history: CellHistory) -> list[Candidate]:
    """Return those of the latest cell that made one: two made in one cell are used together."""
    cells = {o.name: history.last_assignment(o.name)[0] for o in optimizers}
    newest = max(cells.values())
    return [o for o in optimizers if cells[o.name] == newest]


def _share(optimizer: Candidate, model: Candidate) -> bool:
    return not {id(tensor) for tensor in optimized(optimizer.value)}.isdisjoint(parameter_ids(model.value))
