"""What a clause loops over, as a loader: evaluated anew for each pass, with the loaders in it known."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.body.collected import put_back
from lr_magic.notebook.body.parsing import compile_iterable
from lr_magic.pure.errors import DiscoveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType

    from lr_magic.notebook.body.cell_source import CellSource
    from lr_magic.notebook.body.clause import ForClause

_PROGRESS_BARS = ("tqdm", "fastprogress", "rich.progress", "alive_progress")
_SAME_LENGTH = (enumerate, iter, list, tuple, reversed)


class ClauseLoop:
    """The iterable of a clause, gone through again and again as the loop of an epoch would.

    Its length is that of the loaders in it; a progress bar around a loader is left out.

    Attributes
    ----------
    code
        The iterable, compiled.
    loaders
        The objects of the notebook that the clause draws from.
    touched
        Further objects that a pass may change; whoever restores a loader walks through them too.
    is_put_back
        A pass of its own puts them back at its end: what a body collects, it must not collect while validating.
    has_ended_early
        Asked after each item whether the body left the loop.
    """

    def __init__(self, code: CodeType, namespace: dict[str, Any], loaders: list[Any], length: int | None) -> None:
        self.code = code
        # The namespace is held where a walk through the loader does not get to it: it is all that the notebook has.
        self._draw = partial(eval, code, namespace)  # the person's own expression, in their notebook
        self._length = length
        self.loaders = loaders
        self.touched: tuple[Any, ...] = ()
        self.is_put_back = False
        self.has_ended_early: Callable[[], bool] = lambda: False

    @property
    def batch_size(self) -> int | None:
        """That of the first loader, where it has one."""
        return next((loader.batch_size for loader in self.loaders if hasattr(loader, "batch_size")), None)

    def __iter__(self) -> Iterator[Any]:
        with ExitStack() as stack:
            if self.is_put_back:
                stack.enter_context(put_back(self.touched))
            yield from self._one_pass()

    def _one_pass(self) -> Iterator[Any]:
        for item in self._draw():
            yield item
            # the body left by `break`: so ends the pass
            if self.has_ended_early():
                return

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("the length of what is looped over is not known before it ends")
        return self._length


def clause_loop(clause: ForClause, source: CellSource, namespace: dict[str, Any], magic: str) -> ClauseLoop:
    """Look at the clause's iterable without drawing from it.

    Raises
    ------
    DiscoveryError
        For a name that the notebook does not have, and for an iterator that can be gone through only once.
    """
    iterable = _without_progress_bar(clause.iterable, namespace)
    loaders = _loaders_in(iterable, namespace, magic)
    code = compile_iterable(iterable, source)
    return ClauseLoop(code, namespace, loaders, _length(iterable, namespace))


def validation_loop(
    clause: ForClause, valid_name: str, source: CellSource, namespace: dict[str, Any]
) -> ClauseLoop | None:
    """Loop over the validation loader as the clause loops over its own: ``enumerate(valid_loader)``.

    None where the clause draws from several objects, so that it is not clear which one to replace.
    """
    iterable = _without_progress_bar(clause.iterable, namespace)
    loaders = [node for node in _outermost_objects(iterable) if _is_loopable(value_of(node, namespace))]
    if len(loaders) != 1:
        return None
    in_place = _Replace(loaders[0], ast.parse(valid_name, mode="eval").body)
    replaced: ast.expr = in_place.visit(copy.deepcopy(iterable))
    valid = eval(valid_name, namespace)  # noqa: S307 - a name of the notebook, or what the person typed
    return ClauseLoop(compile_iterable(replaced, source), namespace, [valid], _length(replaced, namespace))


class _Replace(ast.NodeTransformer):
    """Put another expression where one stands, wherever it stands."""

    def __init__(self, old: ast.expr, new: ast.expr) -> None:
        self._old = ast.dump(old)
        self._new = new

    def visit(self, node: ast.AST) -> Any:
        return self._new if ast.dump(node) == self._old else self.generic_visit(node)


def value_of(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    """Evaluate a name, an attribute or an index with a constant; None for anything that would have to be called."""
    if isinstance(node, ast.Name):
        builtins = namespace.get("__builtins__", {})
        fallback = builtins.get(node.id) if isinstance(builtins, dict) else getattr(builtins, node.id, None)
        return namespace.get(node.id, fallback)
    if isinstance(node, ast.Attribute):
        return getattr(value_of(node.value, namespace), node.attr, None)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        try:
            return value_of(node.value, namespace)[node.slice.value]
        except (LookupError, TypeError):
            return None
    return None


def _without_progress_bar(node: ast.expr, namespace: Mapping[str, Any]) -> ast.expr:
    if isinstance(node, ast.Call) and node.args:
        if is_progress_bar(value_of(node.func, namespace)):
            return _without_progress_bar(node.args[0], namespace)
        arguments = [_without_progress_bar(argument, namespace) for argument in node.args]
        return ast.copy_location(ast.Call(node.func, arguments, node.keywords), node)
    return node


def is_progress_bar(function: object) -> bool:
    """Whether a function or a class draws a bar around what it loops over."""
    module = getattr(function, "__module__", None) or ""
    return module.startswith(_PROGRESS_BARS)


def _loaders_in(iterable: ast.expr, namespace: Mapping[str, Any], magic: str) -> list[Any]:
    """Objects that the expression mentions and that can be looped over; refuses one that would be used up."""
    found: list[Any] = []
    for node in _outermost_objects(iterable):
        value = value_of(node, namespace)
        if isinstance(value, Iterator) and not is_progress_bar(type(value)):
            raise DiscoveryError(
                f"`{ast.unparse(node)}` is a one-shot iterator; it was not touched. "
                f"→ `%%{magic} for … in LOADER` with the loader itself"
            )
        if _is_loopable(value):
            found.append(getattr(value, "iterable", value) if is_progress_bar(type(value)) else value)
    return found


def _is_loopable(value: object) -> bool:
    return hasattr(type(value), "__iter__") and not isinstance(value, (str, bytes))


def _outermost_objects(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
        return [node]
    if isinstance(node, ast.Call):
        inside = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        return [found for part in (*inside, *node.args) for found in _outermost_objects(part)]
    if isinstance(node, ast.Starred):
        return _outermost_objects(node.value)
    return []


def _length(node: ast.expr, namespace: Mapping[str, Any]) -> int | None:
    """Count the items of one pass; None where only looping would tell."""
    if isinstance(node, ast.Call) and node.args:
        function = value_of(node.func, namespace)
        if function is range:
            return len(eval(compile(ast.Expression(node), "<clause>", "eval"), dict(namespace)))  # noqa: S307 - as above
        if any(function is known for known in _SAME_LENGTH):
            return _length(node.args[0], namespace)
        if function is zip:
            lengths = [_length(argument, namespace) for argument in node.args]
            return None if None in lengths else min(length for length in lengths if length is not None)
        return None
    try:
        return len(value_of(node, namespace))
    except (TypeError, NotImplementedError):
        return None
