"""From the text of a training cell to a `WholeCell`: read and compiled, and what a person is told about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.body.cell_source import local_source
from lr_magic.notebook.body.objects import unwrapped_optimizer
from lr_magic.notebook.discovery.lookup import look_up
from lr_magic.notebook.discovery.request import DiscoveryRequest
from lr_magic.notebook.shadow.cell_code import compile_cell, parse_cell_body
from lr_magic.notebook.shadow.whole_cell import WholeCell
from lr_magic.pure.errors import DiscoveryError
from lr_magic.pure.results.finding import Finding

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable

    from lr_magic.notebook.body.cell_source import CellSource


def whole_cell(
    body: str,
    namespace: dict[str, Any],
    *,
    request: DiscoveryRequest | None = None,
    source: CellSource | None = None,
    transform: Callable[[str], str] | None = None,
) -> WholeCell:
    """Read a training cell; nothing is run.

    Parameters
    ----------
    body, namespace, request, source, transform
        As for `setup_from_body`. Of the request, only `optimizer` counts: a name, or the number (from 1) of the
        optimizer in the order in which they first step.

    Raises
    ------
    DiscoveryError
        If the cell is empty, or the optimizer that was asked for is none.
    SyntaxError
        The person's own.
    """
    request = request or DiscoveryRequest()
    source = source or local_source(f"%%{request.magic}", body)
    tree = parse_cell_body(body, source, transform)
    optimizer = _asked_optimizer(request, namespace)
    code = compile_cell(tree, source)
    return WholeCell(tree, code, namespace, optimizer, request, _findings(tree, request))


def _asked_optimizer(request: DiscoveryRequest, namespace: dict[str, Any]) -> Any:
    if request.optimizer is None:
        return None
    if request.optimizer.isdigit():
        return int(request.optimizer)
    value: Any = look_up(request.optimizer, namespace, option="--optimizer", magic=request.magic)
    if not isinstance(value, torch.optim.Optimizer) and not hasattr(value, "hypers"):
        raise DiscoveryError(
            f"`{request.optimizer}` is {type(value).__name__}, not an optimizer. → `--optimizer NAME`, or its number "
            "in the order in which they step: `--optimizer 1`"
        )
    return unwrapped_optimizer(value)


def _findings(tree: ast.Module, request: DiscoveryRequest) -> tuple[Finding, ...]:
    first, last = tree.body[0].lineno, tree.body[-1].end_lineno
    lines = f"line {first}" if first == last else f"lines {first}-{last}"
    step = Finding("step", "", f"your own cell, {lines}, run as it stands; each optimizer step gets its rate here")
    if request.magic == "fit_one_cycle":
        return (step,)
    note = "prints are kept back; names, models, lists and files are put back; what it sends elsewhere (loggers) is not"
    return step, Finding("note", "", note)
