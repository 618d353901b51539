"""From what was typed to what will be trained: the request, and which form of the magic it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lr_magic.notebook.discovery import Discovered, DiscoveryRequest, discover
from lr_magic.notebook.values import real_number, whole_number

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell


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


def find_setup(shell: InteractiveShell, request: DiscoveryRequest) -> Discovered:
    """Find what the notebook wants to train (the line form)."""
    return discover(shell.user_ns, request, cell_history(shell))


def cell_history(shell: InteractiveShell) -> list[str]:
    """Sources of the cells that were run, the current one last, as they were typed."""
    return list(shell.history_manager.input_hist_raw)
