"""A name or an expression that the person typed, looked up in the notebook."""

from __future__ import annotations

import ast
import builtins
import difflib
from typing import TYPE_CHECKING

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
            f"→ `%{magic} {option} EXPR` with an expression that can."
        ) from error


def check_names(
    text: str, namespace: Mapping[str, object], *, option: str, magic: str, also: frozenset[str] = frozenset()
) -> set[str]:
    """Names that an expression reads; refuses one that the notebook does not have (`also` names further ones)."""
    names = names_read(text, option=option, magic=magic)
    for name in sorted(names):
        if name not in namespace and name not in also and not hasattr(builtins, name):
            near = difflib.get_close_matches(name, [n for n in namespace if not n.startswith("_")], n=1)
            hint = (
                f" → `%{magic} {option} {near[0]}`?" if near else f" → `%{magic} {option} NAME` with one that exists."
            )
            raise DiscoveryError(f"There is no `{name}` in this notebook.{hint.replace('  ', ' ')}")
    return names


def names_read(text: str, *, option: str, magic: str) -> set[str]:
    """Free names of an expression; what a lambda or a comprehension binds inside is not among them."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        raise DiscoveryError(
            f"`{text}` is not an expression. → `%{magic} {option} EXPR`, in quotes if it contains spaces."
        ) from error
    nodes = list(ast.walk(tree))
    read = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return read - bound - {n.arg for n in nodes if isinstance(n, ast.arg)}
