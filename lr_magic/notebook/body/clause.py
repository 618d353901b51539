"""The `for` clause at the end of a magic's line: which names a batch gets, and what is looped over."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from lr_magic.pure.errors import DiscoveryError

_FOR = re.compile(r"(?<!\S)for(?=\s)")
_EXAMPLE = "for images, labels in train_loader"


@dataclass(frozen=True)
class ForClause:
    """A `for` clause as typed: ``for images, labels in train_loader``.

    Attributes
    ----------
    target
        What each batch is assigned to: any target that a `for` statement allows.
    iterable
        Expression of the notebook that is looped over.
    source
        The clause as typed, without a colon.
    """

    target: ast.expr
    iterable: ast.expr
    source: str

    @property
    def iterable_source(self) -> str:
        """The looped-over expression in words."""
        return ast.unparse(self.iterable)


def split_line(line: str) -> tuple[str, str | None]:
    """Split a magic's line into its options and its `for` clause (None where there is none).

    The clause is the first `for` from which the rest of the line reads as one, so a comprehension in the value of an
    option is not taken for it.

    Examples
    --------
    >>> split_line("--num-steps 50 for x, y in train_loader")
    ('--num-steps 50', 'for x, y in train_loader')
    >>> split_line("--num-steps 50")
    ('--num-steps 50', None)
    """
    for match in _FOR.finditer(line):
        if _parsed(line[match.start() :]) is not None:
            return line[: match.start()].strip(), line[match.start() :].strip()
    if _FOR.match(line.strip()):
        raise DiscoveryError(_unreadable(line))
    return line.strip(), None


def parse_clause(text: str) -> ForClause:
    """Read a `for` clause; a colon or a comment at its end is allowed.

    Raises
    ------
    DiscoveryError
        Where the text is no `for` clause.
    """
    loop = _parsed(text)
    if loop is None:
        raise DiscoveryError(_unreadable(text))
    source = ast.unparse(loop).removesuffix(":\n    pass")
    return ForClause(target=loop.target, iterable=loop.iter, source=source)


def _parsed(text: str) -> ast.For | None:
    stripped = text.strip()
    uncommented = stripped.rpartition("#")[0] or stripped
    for candidate in (f"{stripped}: pass", f"{stripped}\n    pass", f"{uncommented}: pass"):
        try:
            statements = ast.parse(candidate).body
        except (SyntaxError, ValueError):
            continue
        loop = statements[0] if len(statements) == 1 else None
        # "pass" must be the whole body: "for x in y: print(x)" is a loop, not a clause
        if isinstance(loop, ast.For) and not loop.orelse and _is_pass(loop.body):
            return loop
    return None


def _is_pass(body: list[ast.stmt]) -> bool:
    return len(body) == 1 and isinstance(body[0], ast.Pass)


def _unreadable(text: str) -> str:
    return f"`{text.strip()}` is no `for` clause; expected one as in a loop. → `{_EXAMPLE}`"
