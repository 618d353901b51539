"""What an executed cell made before its loop is in the notebook by now: it is read there, not made anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.discovery.own_step.names import binds, changes, reads
from lr_magic.notebook.discovery.own_step.slicing import has_backward
from lr_magic.notebook.discovery.own_step.step_cut import loops_to_backward

if TYPE_CHECKING:
    import ast
    from collections.abc import Mapping, Sequence


def without_settled(
    body: Sequence[ast.stmt], namespace: Mapping[str, object], loaders: Sequence[Any]
) -> list[ast.stmt]:
    """Leave out of a cell what it bound before its loop, where the loop did not bind or change it again.

    Making it anew would give another model, another loader or other random numbers than those that are trained with.
    Iterators, and wrappers that the loop goes over, are made anew: a pass uses them up.
    """
    loops = loops_to_backward(body)
    if not loops:
        return list(body)
    index = max(i for i, statement in enumerate(body) if has_backward(statement))
    gone_over = {name for loop in loops for name in reads(loop.iter)}
    used_up = {name for name in gone_over if not any(namespace.get(name) is loader for loader in loaders)}
    used_up |= {name for name, value in namespace.items() if isinstance(value, Iterator)}
    settled = set(namespace) - binds(body[index]) - changes(body[index]) - used_up
    return [s for s in body[:index] if not _makes_only(s, settled)] + list(body[index:])


def _makes_only(statement: ast.stmt, names: set[str]) -> bool:
    made = binds(statement) | changes(statement)
    return bool(made) and made <= names
