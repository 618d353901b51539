"""Turns a cut into code: ``backward`` hands over its loss, and a division for accumulation is left out."""

from __future__ import annotations

import ast
import copy
from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.own_step.names import reads
from lr_magic.notebook.discovery.words import words_of

if TYPE_CHECKING:
    from types import CodeType

    from lr_magic.notebook.discovery.own_step.slicing import Block
    from lr_magic.notebook.discovery.own_step.step_cut import StepCut

BACKWARD = "__lr_magic_backward__"
BATCHES = "__lr_magic_batches__"
SKIP = "__lr_magic_skip__"


class _HandOver(ast.NodeTransformer):
    """Replaces calls of ``backward``, divisions by a number of accumulated batches, and ``return``."""

    def __init__(self) -> None:
        self.divisors: list[str] = []

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        self.generic_visit(node)
        call = node.value
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            return node
        if call.func.attr not in {"backward", "manual_backward"}:
            return node
        given = [_unscaled(call.func.value), *call.args]
        named = [keyword.value for keyword in call.keywords if keyword.arg == "gradient"]
        handed = ast.Call(func=ast.Name(id=BACKWARD, ctx=ast.Load()), args=[*given, *named], keywords=[])
        return ast.copy_location(ast.Expr(value=handed), node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div) and _is_accumulation(node.right):
            self.divisors.append(ast.unparse(node.right))
            return node.left
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | None:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div) and _is_accumulation(node.value):
            self.divisors.append(ast.unparse(node.value))
            return ast.copy_location(ast.Pass(), node)
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        return ast.copy_location(ast.Raise(exc=ast.Name(id=SKIP, ctx=ast.Load()), cause=None), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return node


def _unscaled(receiver: ast.expr) -> ast.expr:
    """Return ``loss`` of ``scaler.scale(loss)``."""
    is_scaled = isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Attribute)
    return receiver.args[0] if is_scaled and receiver.func.attr == "scale" and receiver.args else receiver  # type: ignore[attr-defined]


def _is_accumulation(divisor: ast.expr) -> bool:
    names = reads(divisor) | {n.attr for n in ast.walk(divisor) if isinstance(n, ast.Attribute)}
    return any(word.startswith("accum") for name in names for word in words_of(name))


def compile_prologue(cut: StepCut, filename: str) -> CodeType:
    """Compile what runs once."""
    return _compiled(cut.prologue, filename)


def compile_body(cut: StepCut, filename: str) -> tuple[CodeType, list[str]]:
    """Compile what runs for every batch as a loop over one batch, and return the divisors that were left out."""
    rewriter = _HandOver()
    # A copy: the tree of a cell is kept and read again.
    body = [rewriter.visit(copy.deepcopy(statement)) for statement in cut.body]
    target = cut.target if cut.target is not None else ast.Name(id="__lr_magic_number__", ctx=ast.Store())
    loop = ast.For(target=target, iter=ast.Name(id=BATCHES, ctx=ast.Load()), body=body or [ast.Pass()], orelse=[])
    return _compiled([loop], filename), rewriter.divisors


def _compiled(block: Block, filename: str) -> CodeType:
    module = ast.Module(body=list(block), type_ignores=[])
    return compile(ast.fix_missing_locations(module), filename, "exec")
