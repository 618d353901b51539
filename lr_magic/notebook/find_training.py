"""From what was typed to what will be trained: the request, and which of the three forms it is."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.body import cell_source, setup_from_body, split_line
from lr_magic.notebook.discovery import DiscoveryRequest, discover
from lr_magic.notebook.settings.values import real_number, whole_number
from lr_magic.notebook.shadow import whole_cell
from lr_magic.notebook.shadow.names import names_put_back
from lr_magic.notebook.trainings import CellTraining, FoundTraining, refuse_epochs
from lr_magic.pure.errors import DiscoveryError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell

    from lr_magic.notebook.trainings import Training


@dataclass(frozen=True)
class TypedMagic:
    """A magic as it was typed.

    Attributes
    ----------
    line
        The rest of the magic's line.
    for_clause
        ``for images, labels in train_loader`` at the end of the line, or None.
    body
        The rest of the cell, or None for a line magic.
    """

    line: str
    for_clause: str | None
    body: str | None


def discovery_request(options: Namespace, namespace: Mapping[str, Any], magic: str) -> DiscoveryRequest:
    """What the options of a magic ask discovery for."""
    return DiscoveryRequest(
        model=options.model,
        train=options.train,
        valid=getattr(options, "valid", None),
        loss=options.loss,
        optimizer=options.optimizer,
        device=options.device,
        metrics=tuple(getattr(options, "metric", None) or ()),
        accumulate=1 if options.accumulate is None else whole_number(options.accumulate, namespace, "--accumulate"),
        clip_norm=None if options.clip_norm is None else real_number(options.clip_norm, namespace, "--clip-norm"),
        amp=options.amp,
        magic=magic,
    )


def find_training(shell: InteractiveShell, options: Namespace, typed: TypedMagic, magic: str) -> Training:
    """Find what is to be trained: in the notebook's names, in the body of a ``for`` form, or in a whole cell."""
    request = discovery_request(options, shell.user_ns, magic)
    if typed.body is None:
        # its trials run functions of the notebook, too
        with names_put_back(shell.user_ns):
            found = discover(shell.user_ns, request, cell_history(shell))
        return FoundTraining(found, shell.user_ns)
    place = {
        "request": request,
        "source": cell_source(shell, magic, typed.line, typed.body),
        "transform": shell.transform_cell,
    }
    if typed.for_clause is None:
        refuse_epochs(options)
        return CellTraining(whole_cell(typed.body, shell.user_ns, **place))
    history = cell_history(shell)
    found = setup_from_body(typed.for_clause, typed.body, shell.user_ns, history=history, **place)
    return FoundTraining(found, shell.user_ns)


def cell_history(shell: InteractiveShell) -> list[str]:
    """Sources of the cells that were run, the current one last, as they were typed."""
    return [as_plain_cell(source) for source in shell.history_manager.input_hist_raw]


def as_plain_cell(source: str) -> str:
    r"""The loop that a cell under one of our own magics stands for, so that it is read as the person's own.

    Examples
    --------
    >>> print(as_plain_cell("%%lr_find --no-stop for x, y in loader\nloss = f(x)\nloss.backward()"))
    for x, y in loader:
        loss = f(x)
        loss.backward()
    """
    first, _, body = source.partition("\n")
    if not first.startswith(("%%lr_find", "%%fit_one_cycle")):
        return source
    try:
        clause = split_line(first.partition(" ")[2])[1]
    except DiscoveryError:  # a clause that cannot be read: the magic refused that cell, and nothing of it was run
        return ""
    return body if clause is None else f"{clause.rstrip(':')}:\n{indent(body, '    ')}"
