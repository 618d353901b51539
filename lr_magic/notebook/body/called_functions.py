"""Functions that a loop calls: how they are written, and whether an optimizer's step may stand in them."""

from __future__ import annotations

import ast
import inspect
import textwrap
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.body.stepping import OPTIMIZER_STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping


def definition_of(function: Any) -> ast.FunctionDef | None:
    """Syntax tree of a function or method of the person's own, where its source can be read."""
    if not isinstance(function, (FunctionType, MethodType)) or "site-packages" in function.__code__.co_filename:
        return None
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    definition = tree.body[0] if tree.body else None
    return definition if isinstance(definition, ast.FunctionDef) else None


def mentions_step(definition: ast.FunctionDef, names: Mapping[str, Any], owner: object) -> bool:
    """Whether a function steps, or calls what might: most helpers of a loop do neither."""
    for node in ast.walk(definition):
        if isinstance(node, ast.Attribute) and node.attr in OPTIMIZER_STEPS:
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = names.get(node.func.id)
            if isinstance(called, (FunctionType, ast.FunctionDef)):
                return True
        if _is_own_method(node, owner):
            return True
    return False


def _is_own_method(node: ast.AST, owner: object) -> bool:
    """Tell ``self.train_epoch()`` from ``self.model(x)``: looked up on the class, where nothing is computed."""
    if owner is None or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return isinstance(getattr(type(owner), node.func.attr, None), FunctionType)
