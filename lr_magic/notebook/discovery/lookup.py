"""A name or an expression that the person typed, looked up in the notebook."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.near_names import unknown_name
from lr_magic.notebook.discovery.typed_line import typed_line
from lr_magic.pure.errors import DiscoveryError

if TYPE_CHECKING:
    from collections.abc import Mapping


def look_up(text: str, namespace: Mapping[str, object], *, option: str, magic: str) -> object:
    """Evaluate what the person typed.

    Raises
    ------
    DiscoveryError
        For what is not an expression, for an unknown name (with the nearest existing one), and for an expression
        that raises.
    """
    check_names(text, namespace, option=option, magic=magic)
    try:
        return eval(text, dict(namespace))  # noqa: S307 - the person's own expression, in the person's own notebook
    except Exception as error:
        raise DiscoveryError(
            f"`{text}` cannot be evaluated in this notebook ({type(error).__name__}: {error}). "
            f"→ `{typed_line(magic, option, 'EXPR')}` with an expression that can."
        ) from error


def check_names(
    text: str, namespace: Mapping[str, object], *, option: str, magic: str, also: frozenset[str] = frozenset()
) -> set[str]:
    """Names that an expression reads; refuses one that the notebook does not have (`also` names further ones)."""
    names = names_read(text, option=option, magic=magic)
    for name in sorted(names):
        if name not in namespace and name not in also and not hasattr(builtins, name):
            raise DiscoveryError(unknown_name(name, text, namespace, option=option, magic=magic))
    return names


def names_read(text: str, *, option: str, magic: str) -> set[str]:
    """Free names of an expression; what a lambda or a comprehension binds inside is not among them."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        raise DiscoveryError(
            f"`{text}` is not an expression. → `{typed_line(magic, option, 'EXPR')}`, in quotes if it contains spaces."
        ) from error
    nodes = list(ast.walk(tree))
    read = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return read - bound - {n.arg for n in nodes if isinstance(n, ast.arg)}
