"""What the loop around a step goes over: the loader behind ``enumerate``, ``tqdm`` and names for them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lr_magic.notebook.discovery.own_step.step_cut import StepCut

_RANGES = frozenset({"range", "trange"})
_WRAPPERS = frozenset({"enumerate", "iter", "list", "tuple", "islice", "cycle"})
_PROGRESS_BAR = re.compile("tqdm|progress|track|pbar|alive")


@dataclass(frozen=True)
class BatchLoop:
    """The expression of what is gone through, and whether the loop counts.

    Attributes
    ----------
    expression
        Without ``enumerate``, progress bars and the like.
    counts
        True for ``enumerate``.
    start
        First number that it counts.
    is_several
        True for ``zip``: several things at once.
    """

    expression: ast.expr
    counts: bool = False
    is_several: bool = False


def batch_loop(cut: StepCut) -> tuple[BatchLoop, StepCut]:
    """Look through the wrappers of a loop's iterable; a name for a wrapper is followed, and is not made any more."""
    if cut.iterable is None:
        raise ValueError("a cut without a loop goes over nothing")
    expression, counts, prologue = cut.iterable, False, list(cut.prologue)
    while True:
        if isinstance(expression, ast.Name):
            made = _assignment_of(expression.id, prologue)
            if made is None:
                break
            prologue.remove(made)
            expression = made.value
        elif isinstance(expression, ast.Call) and _is_wrapper(expression):
            counts = counts or called(expression) == "enumerate"
            expression = expression.args[0]
        else:
            break
    is_several = isinstance(expression, ast.Call) and called(expression) == "zip"
    return BatchLoop(expression, counts, is_several), replace(cut, prologue=prologue)


def looked_through(expression: ast.expr) -> ast.expr:
    """Return what ``tqdm(loader)`` and the like go over."""
    while isinstance(expression, ast.Call) and _is_wrapper(expression):
        expression = expression.args[0]
    return expression


def _is_wrapper(call: ast.Call) -> bool:
    """Tell whether a call yields the items of its first argument as they are: any other may change the batches."""
    name = called(call)
    return bool(call.args) and (name in _WRAPPERS or bool(_PROGRESS_BAR.search(name.lower())))


def _assignment_of(name: str, prologue: list[ast.stmt]) -> ast.Assign | None:
    """Return the assignment of a wrapped loader to a name; what is no call is left where it is."""
    for statement in reversed(prologue):
        if isinstance(statement, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == name for t in statement.targets
        ):
            return statement if isinstance(statement.value, (ast.Call, ast.Name)) else None
    return None


def called(call: ast.Call) -> str:
    """Name of the function or method that is called; empty for anything else."""
    return (
        call.func.id
        if isinstance(call.func, ast.Name)
        else call.func.attr
        if isinstance(call.func, ast.Attribute)
        else ""
    )


def evaluate_loop(expression: ast.expr, scope: Mapping[str, Any]) -> Any:
    """Evaluate what a loop goes over; None where that fails or would have to call something."""
    if isinstance(expression, ast.Call):
        if called(expression) not in _RANGES:
            return None
        expression = ast.Call(func=ast.Name(id="range", ctx=ast.Load()), args=expression.args, keywords=[])
    try:
        return eval(ast.unparse(expression), dict(scope))  # noqa: S307 - a name or a range of the person's own code
    except Exception:  # noqa: BLE001 - a name that is not there: the loop is not followed
        return None
