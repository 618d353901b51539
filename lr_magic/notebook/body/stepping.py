"""What a body does about its updates, told from its code: whether it goes backward, and when it steps."""

from __future__ import annotations

import ast
import dis
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.body.left_out import is_scheduler
from lr_magic.notebook.body.loop import value_of
from lr_magic.notebook.body.names import reached_functions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import CodeType

OPTIMIZER_STEPS = {"step", "optimizer_step"}


def goes_backward(code: CodeType, namespace: Mapping[str, Any]) -> bool:
    """Whether the body, or a function of the notebook that it reaches, calls a `backward`."""
    return any(
        instruction.argval in {"backward", "manual_backward"}
        for part in _all_code(code, namespace)
        for instruction in dis.get_instructions(part)
    )


def steps_conditionally(statements: list[ast.stmt], namespace: Mapping[str, Any]) -> bool:
    """Whether an optimizer's step stands under an `if` or in a loop of the body: not every batch makes one."""
    return any(
        is_optimizer_step(call, namespace)
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, (ast.If, ast.For, ast.While, ast.IfExp, ast.Match))
        for call in ast.walk(node)
    )


def is_optimizer_step(node: ast.AST, namespace: Mapping[str, Any]) -> bool:
    """Whether a node is the call of a step that is not a scheduler's."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return is_optimizer_step_of(node, value_of(node.func.value, namespace))


def is_optimizer_step_of(call: ast.Call, owner: Any) -> bool:
    """Whether a call is an optimizer's step; `owner` is what its method belongs to, None where that is not known."""
    if not (isinstance(call.func, ast.Attribute) and call.func.attr in OPTIMIZER_STEPS):
        return False
    sounds_like_scheduler = owner is None and "sched" in ast.unparse(call.func.value).lower()
    return not (is_scheduler(owner) or sounds_like_scheduler)


def _all_code(code: CodeType, namespace: Mapping[str, Any]) -> Iterator[CodeType]:
    yield code
    for function in reached_functions(code, namespace):
        yield function.__code__
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            yield from _all_code(constant, namespace)
