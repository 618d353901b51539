"""From the source of a step to a step that can be called, or to the reason why it cannot be followed."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lr_magic.notebook.discovery.attempts import Failure, attempt
from lr_magic.notebook.discovery.own_step.batch_loop import BatchLoop, batch_loop, evaluate_loop
from lr_magic.notebook.discovery.own_step.draws import draws_as_loop
from lr_magic.notebook.discovery.own_step.names import binds, changes
from lr_magic.notebook.discovery.own_step.own_step import OwnStep
from lr_magic.notebook.discovery.own_step.rewriting import compile_body, compile_prologue
from lr_magic.notebook.discovery.own_step.roles import Cast, bindings
from lr_magic.notebook.discovery.own_step.settled import without_settled
from lr_magic.notebook.discovery.own_step.several_loaders import several_loaders
from lr_magic.notebook.discovery.own_step.slicing import has_backward
from lr_magic.notebook.discovery.own_step.step_cut import FIRST, StepCut, cut_at, has_while, loops_to_backward
from lr_magic.notebook.discovery.unwrapping import base_loader
from lr_magic.notebook.discovery.words import words_of

if TYPE_CHECKING:
    from types import FunctionType

    from lr_magic.notebook.discovery.cell_history import CellHistory
    from lr_magic.notebook.discovery.own_step.step_source import StepSource


@dataclass(frozen=True)
class Followed:
    """A step of the person's own.

    Attributes
    ----------
    source
        Where it is written down.
    step
        The step, with nothing carried over.
    goes_over
        What its loop goes over; None where it has none.
    loop_text
        The same as the person wrote it.
    notes
        What of the loop is not applied, in words.
    """

    source: StepSource
    step: OwnStep
    goes_over: Any
    loop_text: str = ""
    notes: tuple[str, ...] = ()


def follow(source: StepSource, cast: Cast, history: CellHistory, loaders: list[Any]) -> Followed | Failure:
    """Cut the step out of its source and find the objects that it works on.

    Parameters
    ----------
    loaders
        What counts as a loader; the innermost loop over one of them is the loop over the batches.
    """
    if not any(has_backward(statement) for statement in source.body):
        return Failure("its `backward` stands in a closure")
    source = replace(source, body=draws_as_loop(source.body, history.assigned_value))
    if has_while(source.body):
        return Failure("its batches come from a `while` loop")
    if source.function is None:
        source = replace(source, body=without_settled(source.body, cast.namespace, loaders))
    given = {} if source.function is None else bindings(source.function, cast, history, owner=source.owner)
    names = {**_outer_names(source.function, cast), **given}
    if len(stepped := _stepped(source, names)) > 1:
        return Failure(f"it steps several optimizers ({', '.join(sorted(stepped))})")
    loops = loops_to_backward(source.body)
    for loop in reversed(loops):
        followed = _follow_loop(source, cut_at(source.body, loop), names, loaders)
        if isinstance(followed, Followed):
            return followed
    innermost = loops[-1] if loops else None
    return _follow_alone(source, cut_at(source.body, innermost), names)


def _stepped(source: StepSource, names: dict[str, Any]) -> set[str]:
    """Return the optimizers that are stepped: two of them take turns, with a loss each."""
    calls = [n for statement in source.body for n in ast.walk(statement) if isinstance(n, ast.Call)]
    stepped = {ast.unparse(c.func.value) for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "step"}
    return {text for text in stepped if _is_optimizer(text, names)}


def _is_optimizer(text: str, names: dict[str, Any]) -> bool:
    if text in names:
        return isinstance(names[text], torch.optim.Optimizer)
    return any(word.startswith(("opt", "updater")) for word in words_of(text))


def _outer_names(function: FunctionType | None, cast: Cast) -> dict[str, Any]:
    if function is None:
        return dict(cast.namespace)
    closed = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    held = {name: cell.cell_contents for name, cell in closed if _is_filled(cell)}
    return {**function.__globals__, **held}


def _is_filled(cell: Any) -> bool:
    return not isinstance(attempt(lambda: cell.cell_contents), Failure)


def _follow_loop(source: StepSource, cut: StepCut, names: dict[str, Any], loaders: list[Any]) -> Followed | Failure:
    """Follow a loop over one of the loaders; a Failure where it goes over something else."""
    loop, cut = batch_loop(cut)
    if (reason := _missing(source, cut, names)) is not None:
        return Failure(reason)
    step = _step(source, cut, names, loop)
    scope = attempt(step.start)
    if isinstance(scope, Failure):
        return scope
    if loop.is_several:
        goes_over = several_loaders(loop.expression, lambda part: evaluate_loop(part, scope), loaders)
    else:
        found = base_loader(evaluate_loop(loop.expression, scope))
        goes_over = found if any(found is loader for loader in loaders) else None
    if goes_over is None:
        return Failure("its loop goes over no loader")
    return _followed(source, cut, step, goes_over, ast.unparse(loop.expression))


def _follow_alone(source: StepSource, cut: StepCut, names: dict[str, Any]) -> Followed | Failure:
    """Follow a step that no loop over a loader surrounds: it takes a batch as parameters, or makes its own."""
    parameters = () if source.function is None else _parameters(source.function)
    loop = None
    if cut.iterable is not None:
        loop, cut = batch_loop(cut)
    lacking = tuple(p for p in parameters if p in cut.free_names and p not in names)
    if lacking and cut.iterable is not None:
        return Failure(f"it needs `{lacking[0]}`")
    if (reason := _missing(source, cut, {**names, **dict.fromkeys(lacking)})) is not None:
        return Failure(reason)
    step = _step(source, cut, names, loop, lacking)
    goes_over: Any = None
    if loop is not None:
        scope = attempt(step.start)
        goes_over = scope if isinstance(scope, Failure) else evaluate_loop(loop.expression, scope)
        if not isinstance(goes_over, (range, list, tuple)) or not len(goes_over):
            return Failure("I cannot tell what its loop goes over")
    text = "" if loop is None else ast.unparse(loop.expression)
    return _followed(source, cut, step, goes_over, text)


def _parameters(function: FunctionType) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _missing(source: StepSource, cut: StepCut, names: dict[str, Any]) -> str | None:
    """Say what the step needs that is not there, or changes that is not its own."""
    for name in sorted(cut.free_names):
        if name not in names and name != FIRST and not hasattr(builtins, name):
            return f"it needs `{name}`"
        if isinstance(names.get(name), Iterator):
            return f"it draws from `{name}`, which can be gone through once"
    own = ast.Module(body=[*cut.prologue, *cut.body], type_ignores=[])
    own_names = binds(own) | (binds(cut.target) if cut.target is not None else set())
    for name in sorted(changes(own) - own_names):
        is_put_back = isinstance(names.get(name), nn.Module) or (
            source.owner is not None and names.get(name) is source.owner
        )
        if not is_put_back:
            return f"it changes `{name}` of the notebook"
    return None


def _step(
    source: StepSource, cut: StepCut, names: dict[str, Any], loop: BatchLoop | None, lacking: tuple[str, ...] = ()
) -> OwnStep:
    body, _ = compile_body(cut, source.filename)
    return OwnStep(
        name=source.name,
        prologue=compile_prologue(cut, source.filename),
        body=body,
        names=names,
        batch_names=lacking,
        counts=loop is not None and loop.counts,
    )


def _followed(source: StepSource, cut: StepCut, step: OwnStep, goes_over: Any, text: str) -> Followed:
    _, divisors = compile_body(cut, source.filename)
    notes = [f"your loop accumulates over {divisors[0]} batches: not applied, --accumulate does"] if divisors else []
    scaled = any(".scale(" in ast.unparse(statement) for statement in source.body)
    notes += ["your loop scales the loss: not applied, --amp fp16 does"] if scaled else []
    clipped = any("clip_grad" in ast.unparse(statement) for statement in source.body)
    notes += ["your loop clips gradients: not applied, --clip-norm does"] if clipped else []
    return Followed(source, step, goes_over, text, tuple(notes))
