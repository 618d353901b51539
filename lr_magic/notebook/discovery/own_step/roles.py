"""Which object stands for which parameter of a training function: by its last call, else by role and name."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lr_magic.notebook.discovery.loss_candidates import sounds_like_loss
from lr_magic.notebook.discovery.words import sounds_like_loader, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FunctionType

    from lr_magic.notebook.discovery.cell_history import CellHistory
    from lr_magic.notebook.discovery.loss_candidates import LossCandidate

_MODEL = frozenset({"model", "net", "network", "module"})
_OPTIMIZER = frozenset({"optimizer", "optim", "opt", "optimiser", "updater"})
_DEVICE = frozenset({"device", "dev"})
_SIMPLE = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Load, ast.expr_context, ast.UnaryOp, ast.USub)


@dataclass(frozen=True)
class Cast:
    """The objects that can play a part in a training function."""

    namespace: Mapping[str, object]
    model: nn.Module
    optimizer: torch.optim.Optimizer
    train_loader: Any
    device: torch.device
    criteria: Sequence[LossCandidate]


def bindings(function: FunctionType, cast: Cast, history: CellHistory, *, owner: object = None) -> dict[str, Any]:
    """Return an object for every parameter that one can be told for; `owner` is what a method belongs to."""
    parameters = dict(inspect.signature(function).parameters)
    found: dict[str, Any] = {}
    if owner is not None:
        found[next(iter(parameters))] = owner
        parameters = dict(list(parameters.items())[1:])
    called = _by_last_call(function, list(parameters), cast, history, owner)
    for name, parameter in parameters.items():
        if name in called:
            found[name] = called[name]
        elif (played := _by_role(name, cast)) is not _NOBODY:
            found[name] = played
        elif parameter.default is not parameter.empty:
            found[name] = parameter.default
    return found


def _by_last_call(
    function: FunctionType, parameters: Sequence[str], cast: Cast, history: CellHistory, owner: object
) -> dict[str, Any]:
    """Read the arguments of the last call whose model or optimizer is the one that is trained."""
    owners = [n for n, v in cast.namespace.items() if v is owner] if owner is not None else []
    called = [f"{name}.{function.__name__}" for name in owners] if owner is not None else [function.__name__]
    for _, call in (found for name in called for found in history.calls(name)):
        given = _arguments(call, parameters, cast.namespace)
        trained = [v for v in given.values() if isinstance(v, torch.optim.Optimizer) or _has_parameters(v)]
        if not trained or any(v is cast.model or v is cast.optimizer for v in trained):
            # Where there is a loader, a tensor that was passed is a batch left over from that call.
            return {n: v for n, v in given.items() if cast.train_loader is None or not _holds_tensor(v)}
    return {}


def _arguments(call: ast.Call, parameters: Sequence[str], namespace: Mapping[str, object]) -> dict[str, Any]:
    pairs = [*zip(parameters, call.args, strict=False), *((k.arg, k.value) for k in call.keywords if k.arg)]
    found = {}
    for name, node in pairs:
        if all(isinstance(part, _SIMPLE) for part in ast.walk(node)):
            try:
                found[name] = eval(ast.unparse(node), dict(namespace))  # noqa: S307 - names of the notebook
            except Exception:  # noqa: BLE001, S112 - a name that is gone: another way may tell
                continue
    return found


_NOBODY: Any = object()


def _by_role(name: str, cast: Cast) -> Any:
    words = set(words_of(name))
    is_held_out = bool(words & {"val", "valid", "test", "eval"})
    roles = (
        (bool(words & _DEVICE), cast.device),
        (bool(words & _OPTIMIZER), cast.optimizer),
        (sounds_like_loader(name) and not is_held_out, cast.train_loader),
        (bool(words & _MODEL), cast.model),
    )
    for is_role, played in roles:
        if is_role:
            return played
    here = cast.namespace.get(name, _NOBODY)
    # A tensor of that name is a leftover of a batch, not what the function will be given.
    if here is not _NOBODY and not isinstance(here, torch.Tensor):
        return here
    is_loss = (sounds_like_loss(name) or name in {"criterion", "loss"}) and len(cast.criteria) == 1
    return cast.criteria[0].candidate.value if is_loss else _NOBODY


def _holds_tensor(value: object) -> bool:
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (tuple, list)) else (value,)
    return any(isinstance(part, torch.Tensor) for part in parts)


def _has_parameters(value: object) -> bool:
    return isinstance(value, nn.Module) and next(value.parameters(), None) is not None
