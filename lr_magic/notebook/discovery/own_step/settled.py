"""What an executed cell made before its loop is in the notebook by now: it is read there, not made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.own_step.names import binds, changes
from lr_magic.notebook.discovery.own_step.slicing import has_backward
from lr_magic.notebook.discovery.own_step.step_cut import loops_to_backward

if TYPE_CHECKING:
    import ast
    from collections.abc import Mapping, Sequence


def without_settled(body: Sequence[ast.stmt], namespace: Mapping[str, object]) -> list[ast.stmt]:
    """Leave out of a cell what it bound before its loop, where the loop did not bind or change it again.

    Making it anew would give another model, another loader or other random numbers than those that are trained with.
    """
    if not loops_to_backward(body):
        return list(body)
    index = max(i for i, statement in enumerate(body) if has_backward(statement))
    in_loop = binds(body[index]) | changes(body[index])
    settled = set(namespace) - in_loop
    return [s for s in body[:index] if not _makes_only(s, settled)] + list(body[index:])


def _makes_only(statement: ast.stmt, names: set[str]) -> bool:
    made = binds(statement) | changes(statement)
    return bool(made) and made <= names
