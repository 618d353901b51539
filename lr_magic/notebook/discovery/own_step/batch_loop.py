"""What the loop around a step goes over: the loader behind ``enumerate``, ``tqdm`` and names for them."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lr_magic.notebook.discovery.own_step.step_cut import StepCut

_RANGES = frozenset({"range", "trange"})


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
        elif isinstance(expression, ast.Call) and _called(expression) == "zip":
            return BatchLoop(expression, counts, is_several=True), cut
        elif isinstance(expression, ast.Call) and expression.args and _called(expression) not in _RANGES:
            counts = counts or _called(expression) == "enumerate"
            expression = expression.args[0]
        else:
            break
    return BatchLoop(expression, counts), replace(cut, prologue=prologue)


def _assignment_of(name: str, prologue: list[ast.stmt]) -> ast.Assign | None:
    """Return the assignment of a wrapped loader to a name; what is no call is left where it is."""
    for statement in reversed(prologue):
        if isinstance(statement, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == name for t in statement.targets
        ):
            return statement if isinstance(statement.value, (ast.Call, ast.Name)) else None
    return None


def _called(call: ast.Call) -> str:
    return (
        call.func.id
        if isinstance(call.func, ast.Name)
        else call.func.attr
        if isinstance(call.func, ast.Attribute)
        else ""
    )


def evaluate_loop(loop: BatchLoop, scope: Mapping[str, Any]) -> Any:
    """Evaluate what the loop goes over; None where that fails or would have to call something."""
    expression = loop.expression
    if isinstance(expression, ast.Call):
        if _called(expression) not in _RANGES:
            return None
        expression = ast.Call(func=ast.Name(id="range", ctx=ast.Load()), args=expression.args, keywords=[])
    try:
        return eval(ast.unparse(expression), dict(scope))  # noqa: S307 - a name or a range of the person's own code
    except Exception:  # noqa: BLE001 - a name that is not there: the loop is not followed
        return None
