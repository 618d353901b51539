"""One step, cut out of its source: what runs once before, and what runs for every batch."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.own_step.names import binds, reads
from lr_magic.notebook.discovery.own_step.slicing import (
    Block,
    cut,
    has_backward,
    is_backward,
    names_carried,
    needed_names,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST = "__lr_magic_first__"


@dataclass(frozen=True)
class StepCut:
    """What a loss depends on, in the order of the source.

    Attributes
    ----------
    prologue
        Statements that run once, before the first batch.
    body
        Statements that run for every batch; they call ``backward``.
    target, iterable
        Of the ``for`` clause over the batches; None where the source has no loop.
    """

    prologue: Block
    body: Block
    target: ast.expr | None
    iterable: ast.expr | None

    @property
    def free_names(self) -> set[str]:
        """Names that the cut takes from outside: parameters, or names of the notebook."""
        wrapped = [self.target] if self.target is not None else []
        inside = ast.Module(body=[*self.prologue, *self.body], type_ignores=[])
        bound = binds(inside) | {name for target in wrapped for name in binds(target)}
        read = reads(inside) | (reads(self.iterable) if self.iterable is not None else set())
        first_reads = names_carried([*self.prologue, *self._loop()])
        return (read - bound) | (first_reads & read)

    def _loop(self) -> Block:
        if self.target is None or self.iterable is None:
            return self.body
        head = ast.Assign(targets=[self.target], value=self.iterable)
        return [head, *self.body]


def loops_to_backward(body: Sequence[ast.stmt]) -> list[ast.For]:
    """Loops around the last call of ``backward`` in a body, the outermost first."""
    return [statement for statement, _ in _path(body) if isinstance(statement, ast.For)]


def has_while(body: Sequence[ast.stmt]) -> bool:
    """Tell whether the innermost loop around ``backward`` is a ``while``, whose batches cannot be told."""
    return isinstance(innermost_loop(body), ast.While)


def innermost_loop(body: Sequence[ast.stmt]) -> ast.For | ast.While | None:
    """Return the innermost loop around the last call of ``backward``."""
    loops = [statement for statement, _ in _path(body) if isinstance(statement, (ast.For, ast.While))]
    return loops[-1] if loops else None


def _path(body: Sequence[ast.stmt]) -> list[tuple[ast.stmt, list[ast.stmt]]]:
    """Statements around the last ``backward``, the outermost first, each with those before it in its block."""
    index = max((i for i, statement in enumerate(body) if has_backward(statement)), default=None)
    if index is None:
        return []
    statement = body[index]
    here = [(statement, list(body[:index]))]
    for field in ("body", "orelse", "finalbody"):
        inner = getattr(statement, field, None)
        if isinstance(inner, list) and any(has_backward(s) for s in inner):
            return here + _path(inner)
    return here


def cut_at(body: Sequence[ast.stmt], loop: ast.For | None) -> StepCut:
    """Cut a step out of its source, with the batches of one loop; of the whole source where there is none."""
    if loop is None:
        return StepCut([], _cut_body(list(body)), None, None)
    before = _before(body, loop)
    kept = _cut_body(loop.body)
    wanted = names_carried(kept).union(*(reads(s) for s in kept)) | reads(loop.iter)
    needed = needed_names([before], wanted, keep=_nothing)
    return StepCut(_without_jumps(cut(before, needed, keep=_nothing)), kept, loop.target, loop.iter)


def _nothing(_: ast.AST) -> bool:
    return False


def _before(body: Sequence[ast.stmt], loop: ast.For) -> Block:
    """Everything that runs before a loop, as straight code: the loops around it at their first value."""
    found: Block = []
    for statement, earlier in _path(body):
        found += [s for s in earlier if not isinstance(s, ast.Return)]
        if statement is loop:
            break
        found += _entering(statement)
    return found


def _entering(statement: ast.stmt) -> Block:
    if isinstance(statement, ast.For):
        first = ast.Call(func=ast.Name(id=FIRST, ctx=ast.Load()), args=[statement.iter], keywords=[])
        return [_located(ast.Assign(targets=[statement.target], value=first), statement)]
    if isinstance(statement, ast.With):
        named = [item for item in statement.items if item.optional_vars is not None]
        return [
            _located(ast.Assign(targets=[item.optional_vars], value=item.context_expr), statement)  # type: ignore[list-item]
            for item in named
        ]
    return []


def _located(node: ast.stmt, like: ast.stmt) -> ast.stmt:
    return ast.fix_missing_locations(ast.copy_location(node, like))


def _cut_body(body: Block) -> Block:
    """Keep what ``backward`` depends on; after it, only what the next batch needs from this one."""
    last = max(i for i, statement in enumerate(body) if has_backward(statement))
    until, after = body[: last + 1], body[last + 1 :]
    needed = needed_names([until], set(), keep=is_backward)
    carried = names_carried([*cut(until, needed, keep=is_backward), *after]) & needed
    needed_after = needed_names([after], carried, keep=_nothing) if carried else set()
    needed = needed_names([until], needed | needed_after, keep=is_backward)
    kept_after = cut(after, carried, keep=_nothing) if carried else []
    return [*cut(until, needed, keep=is_backward), *_without_jumps(kept_after)]


def _without_jumps(block: Block) -> Block:
    return [s for s in block if not isinstance(s, (ast.Continue, ast.Return, ast.Break))]
