"""How many optimizer steps a training cell will make, told from its loops where they can be evaluated."""

from __future__ import annotations

import ast
from fractions import Fraction
from types import MethodType
from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LRScheduler

from lr_magic.notebook.body.called_functions import definition_of, mentions_step
from lr_magic.notebook.body.known_values import UNKNOWN, counted_by, known_length, known_value, known_values
from lr_magic.notebook.body.stepping import is_optimizer_step_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lr_magic.notebook.body.clause import ForClause

# Functions that call functions: deeper than this nobody writes a training loop.
_DEEPEST = 6


def planned_steps(statements: Sequence[ast.stmt], namespace: Mapping[str, Any]) -> int | None:
    """Count the optimizer steps of a cell without running it; None where its loops do not tell.

    Followed are `for` loops over what is known (numbers, loaders), functions and methods of the notebook, tests on
    known values, and tests for every so-and-so-many-th batch. A loop that is left early counts in full.
    """
    try:
        count = _Counter(namespace).count(statements)
    except _UnknownError:
        return None
    return int(count) or None


def steps_of_pass(clause: ForClause, body: Sequence[ast.stmt], namespace: Mapping[str, Any]) -> int | None:
    """Count the optimizer steps of one pass of a `for` form; None where a test around a step is not known before."""
    loop = ast.For(target=clause.target, iter=clause.iterable, body=list(body), orelse=[])
    try:
        return int(_StrictCounter(namespace).count([loop])) or None
    except _UnknownError:
        return None


class _UnknownError(Exception):
    """The loops do not say."""


class _Counter:
    """Counts steps, statement by statement, with what is known of the names so far."""

    def __init__(self, names: Mapping[str, Any], depth: int = 0) -> None:
        self._names = dict(names)
        self._depth = depth
        # Numbers that the loops around count, each with all of its values.
        self._counted: dict[str, range] = {}

    def count(self, statements: Sequence[ast.stmt]) -> Fraction:
        return sum((self._of(statement) for statement in statements), Fraction(0))

    def _of(self, statement: ast.stmt) -> Fraction:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            self._names[statement.name] = statement if isinstance(statement, ast.FunctionDef) else UNKNOWN
            return Fraction(0)
        if isinstance(statement, ast.For):
            return self._of_loop(statement)
        if isinstance(statement, ast.If):
            return self._of_test(statement)
        if isinstance(statement, ast.While):
            return self._unless_zero(statement.body)
        if isinstance(statement, (ast.With, ast.Try)):
            rest = [*statement.orelse, *statement.finalbody] if isinstance(statement, ast.Try) else []
            return self.count([*statement.body, *rest])
        count = self._of_calls(statement)
        self._learn(statement)
        return count

    def _of_loop(self, loop: ast.For) -> Fraction:
        values = known_value(loop.iter, self._names)
        # a short list of names or phases: each pass may do something else
        if isinstance(values, (list, tuple)) and len(values) <= 10 and isinstance(loop.target, ast.Name):
            total = Fraction(0)
            for value in values:
                self._names[loop.target.id] = value
                total += self.count(loop.body)
            return total
        for node in ast.walk(loop.target):
            if isinstance(node, ast.Name):
                self._names[node.id] = UNKNOWN
        length = known_length(loop.iter, self._names)
        number = counted_by(loop, self._names)
        if length is not None and number is not None:
            self._counted[number[0]] = range(number[1], number[1] + length)
        per_pass = self.count(loop.body)
        if not per_pass:
            return per_pass
        if length is None:
            raise _UnknownError
        return Fraction(int(length * per_pass))

    def _of_test(self, test: ast.If) -> Fraction:
        known = known_value(test.test, self._names)
        if known is not UNKNOWN:
            return self.count(test.body if known else test.orelse)
        share = self._share(test.test)
        if share is not None:
            return share * self.count(test.body) + (1 - share) * self.count(test.orelse)
        return self._of_unknown_test(test)

    def _share(self, test: ast.expr) -> Fraction | None:
        """In which part of a pass a test holds, where it is about the number of the batch."""
        for name, values in self._counted.items():
            held = known_values(test, self._names, name, values)
            if held is not None:
                return Fraction(sum(map(bool, held)), len(values))
        return None

    def _of_unknown_test(self, test: ast.If) -> Fraction:
        every = self._every(test.test)
        if every is not None:
            return self.count(test.body) / every
        return self._unless_zero(test.orelse) + self.count(test.body)

    def _every(self, test: ast.expr) -> int | None:
        """K, where the test holds for every K-th batch: ``(i + 1) % K == 0``, perhaps or at the end."""
        for node in ast.walk(test):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
                every = known_value(node.right, self._names)
                return every if isinstance(every, int) and every > 0 else None
        return None

    def _unless_zero(self, statements: Sequence[ast.stmt]) -> Fraction:
        if self.count(statements):
            raise _UnknownError
        return Fraction(0)

    def _of_calls(self, statement: ast.stmt) -> Fraction:
        calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
        return sum((self._of_call(call) for call in calls), Fraction(0))

    def _of_call(self, call: ast.Call) -> Fraction:
        owner = known_value(call.func.value, self._names) if isinstance(call.func, ast.Attribute) else UNKNOWN
        if is_optimizer_step_of(call, None if owner is UNKNOWN else owner):
            return Fraction(1)
        function = known_value(call.func, self._names)
        definition = function if isinstance(function, ast.FunctionDef) else definition_of(function)
        return Fraction(0) if definition is None else self._of_function(definition, function, call)

    def _of_function(self, definition: ast.FunctionDef, function: Any, call: ast.Call) -> Fraction:
        owner = getattr(function, "__self__", None)
        if self._depth == _DEEPEST or not mentions_step(definition, self._names, owner):
            return Fraction(0)
        inner = dict(getattr(function, "__globals__", self._names))
        inner.update(self._arguments(definition, function, call))
        return type(self)(inner, self._depth + 1).count(definition.body)

    def _arguments(self, definition: ast.FunctionDef, function: Any, call: ast.Call) -> dict[str, Any]:
        parameters = [*definition.args.posonlyargs, *definition.args.args, *definition.args.kwonlyargs]
        values: dict[str, Any] = {parameter.arg: UNKNOWN for parameter in parameters}
        for parameter, default in zip(reversed(definition.args.args), reversed(definition.args.defaults), strict=False):
            values[parameter.arg] = known_value(default, self._names)
        positional = [known_value(argument, self._names) for argument in call.args]
        if isinstance(function, MethodType):
            positional.insert(0, function.__self__)
        values.update(zip(values, positional, strict=False))
        values.update((k.arg, known_value(k.value, self._names)) for k in call.keywords if k.arg in values)
        return values

    def _learn(self, statement: ast.stmt) -> None:
        """Note what an assignment says about its names."""
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            value = UNKNOWN if isinstance(statement, ast.AugAssign) or statement.value is None else statement.value
            for target in targets:
                for node in ast.walk(target):
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                        self._names[node.id] = self._assigned(value) if node is target else UNKNOWN

    def _assigned(self, value: Any) -> Any:
        if not isinstance(value, ast.expr):
            return UNKNOWN
        made_by = known_value(value.func, self._names) if isinstance(value, ast.Call) else None
        is_scheduler = isinstance(made_by, type) and issubclass(made_by, LRScheduler)
        return _A_SCHEDULER if is_scheduler else known_value(value, self._names)


class _StrictCounter(_Counter):
    """Takes no step for sure that stands under a test which is not known."""

    def _of_unknown_test(self, test: ast.If) -> Fraction:
        return self._unless_zero(test.orelse) + self._unless_zero(test.body)


_A_SCHEDULER: Any = object.__new__(LRScheduler)
