"""From what was typed to what will be trained: the request, and which form of the magic it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.body import cell_source, setup_from_body
from lr_magic.notebook.discovery import Discovered, DiscoveryRequest, discover
from lr_magic.notebook.values import real_number, whole_number

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell


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


def find_setup(shell: InteractiveShell, request: DiscoveryRequest, typed: TypedMagic) -> Discovered:
    """Find what the notebook wants to train: in the notebook's names, or in the body of the cell."""
    if typed.body is None or typed.for_clause is None:
        return discover(shell.user_ns, request, cell_history(shell))
    return setup_from_body(
        typed.for_clause,
        typed.body,
        shell.user_ns,
        request=request,
        history=cell_history(shell),
        source=cell_source(shell, request.magic, typed.line, typed.body),
        transform=shell.transform_cell,
    )


def cell_history(shell: InteractiveShell) -> list[str]:
    """Sources of the cells that were run, the current one last, as they were typed."""
    return list(shell.history_manager.input_hist_raw)
