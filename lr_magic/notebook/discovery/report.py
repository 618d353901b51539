"""The report as plain text: aligned lines, guesses marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.pure.results.finding import Finding

GUESS_MARK = "?"
_MAX_NAME = 32


def report_lines(findings: Sequence[Finding]) -> list[str]:
    """Render findings, one per line; a line that was assumed begins with `GUESS_MARK`.

    >>> from lr_magic.pure.results.finding import Finding
    >>> for line in report_lines([Finding("model", "net", "MLP, 42 params"), Finding("step", "", "net(x)", True)]):
    ...     print(line)
      model  net  MLP, 42 params
    ? step        net(x)
    """
    role_width = max((len(finding.role) for finding in findings), default=0)
    name_width = min(_MAX_NAME, max((len(finding.name) for finding in findings), default=0))
    return [_line(finding, role_width, name_width) for finding in findings]


def _line(finding: Finding, role_width: int, name_width: int) -> str:
    mark = GUESS_MARK if finding.is_guess else " "
    return f"{mark} {finding.role:<{role_width}}  {finding.name:<{name_width}}  {finding.description}".rstrip()
