"""Which scalars that a body assigns are metrics of its batch, and which are the person's bookkeeping."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.body.parsing import own_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lr_magic.notebook.body.clause import ForClause

LOSS = "loss"

# Values read from a clock, a counter or the optimizer say nothing about the batch.
_BOOKKEEPING = {"time", "perf_counter", "monotonic", "process_time", "get_last_lr", "get_lr", "param_groups"}


def metric_names(clause: ForClause, statements: list[ast.stmt]) -> frozenset[str]:
    """Names assigned in the body whose value comes from this batch alone.

    Left out: the loss under the name ``loss``; running sums (a name that is read before the batch assigns it and then
    added to); what only some batches assign; constants; clocks and learning rates; and whatever is computed from
    one of these.
    """
    values: dict[str, list[ast.expr]] = {}
    for node in own_nodes(statements):
        for name, value in _assignments(node):
            values.setdefault(name, []).append(value)
    always = {name for node in _always_run(statements) for name, _ in _assignments(node)}
    bookkeeping = _running_sums(clause, statements, values) | {LOSS}
    bookkeeping |= {name for name, assigned in values.items() if any(_is_bookkeeping(value) for value in assigned)}
    bookkeeping |= {name for name, assigned in values.items() if all(isinstance(v, ast.Constant) for v in assigned)}
    return frozenset(always - _spread(bookkeeping, values) - _target_names(clause))


def scalar_of(value: object) -> torch.Tensor | float | None:
    """Return the value as a metric: a float, or a 0-d float tensor off the graph; None for anything else.

    Counts (int) and flags (bool) are no metrics.
    """
    if isinstance(value, torch.Tensor):
        return value.detach() if value.ndim == 0 and value.is_floating_point() else None
    if isinstance(value, float):
        return float(value)
    return None


def followed_scalars(values: dict[str, Any], losses: list[Any]) -> dict[str, Any]:
    """Metrics among the values: scalars that are not the loss under another name."""
    found = {name: scalar_of(value) for name, value in values.items() if not any(value is loss for loss in losses)}
    return {name: value for name, value in found.items() if value is not None}


def _assignments(node: ast.AST) -> list[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        return [(name, node.value) for target in node.targets for name in _names(target)]
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return [(name, node.value) for name in _names(node.target)]
    if isinstance(node, ast.NamedExpr):
        return [(node.target.id, node.value)]
    return []


def _names(target: ast.expr) -> list[str]:
    if isinstance(target, (ast.Tuple, ast.List)):
        return [name for element in target.elts for name in _names(element)]
    return [target.id] if isinstance(target, ast.Name) else []


def _always_run(statements: list[ast.stmt]) -> Iterator[ast.AST]:
    """Nodes of the body that every batch runs: none under an `if` or in a loop of its own."""
    for statement in statements:
        if isinstance(statement, (ast.With, ast.Try)):
            yield from _always_run(statement.body)
        elif not isinstance(statement, (ast.If, ast.For, ast.While, ast.Match)):
            yield statement


def _target_names(clause: ForClause) -> set[str]:
    return {node.id for node in ast.walk(clause.target) if isinstance(node, ast.Name)}


def _running_sums(clause: ForClause, statements: list[ast.stmt], values: Mapping[str, list[ast.expr]]) -> set[str]:
    """Names added to from batch to batch: `total += x`, `total = total + x`, `mean = 0.9 * mean + 0.1 * x`."""
    added_to = {
        n for n, assigned in values.items() if any(isinstance(v, ast.BinOp) and n in _mentioned(v) for v in assigned)
    }
    is_read_first: dict[str, bool] = dict.fromkeys(_target_names(clause), False)
    for node in own_nodes(statements):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            added_to.add(node.target.id)
            is_read_first.setdefault(node.target.id, True)
        if isinstance(node, ast.Name):
            is_read_first.setdefault(node.id, isinstance(node.ctx, ast.Load))
    return {name for name in added_to if is_read_first.get(name, False)}


def _is_bookkeeping(value: ast.expr) -> bool:
    return bool(_mentioned(value) & _BOOKKEEPING) or _is_copy_of_loss(value)


def _is_copy_of_loss(value: ast.expr) -> bool:
    """`loss.item()`, `float(loss)`, `loss.detach().cpu()`: the loss itself, not a metric beside it."""
    node: Any = value
    while True:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float" and node.args:
            node = node.args[0]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
            node = node.func.value
        elif isinstance(node, ast.Attribute):
            node = node.value
        else:
            return isinstance(node, ast.Name) and node.id == LOSS


def _mentioned(value: ast.expr) -> set[str]:
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(value) if isinstance(node, ast.Attribute)}


def _spread(bookkeeping: set[str], values: Mapping[str, list[ast.expr]]) -> set[str]:
    """Add what is computed from bookkeeping, until nothing more is; the loss itself passes nothing on."""
    found = set(bookkeeping)
    while True:
        sources = found - {LOSS}
        more = {n for n, assigned in values.items() if any(_mentioned(v) & sources for v in assigned)} - found
        if not more:
            return found
        found |= more
