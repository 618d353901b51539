"""From a notebook to a setup: what is trained, on what, by which optimizer and with which step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.adapters.notebook import Notebook
from lr_magic.notebook.adapters.registry import find_with_adapter
from lr_magic.notebook.discovery.beside import touched_beside
from lr_magic.notebook.discovery.candidates import collect
from lr_magic.notebook.discovery.cell_history import CellHistory
from lr_magic.notebook.discovery.device import training_device
from lr_magic.notebook.discovery.find_step import find_step
from lr_magic.notebook.discovery.findings import findings_of
from lr_magic.notebook.discovery.loaders import test_loader, train_choice, valid_loader
from lr_magic.notebook.discovery.parts import Parts
from lr_magic.notebook.discovery.request import Discovered
from lr_magic.notebook.discovery.silence import silenced
from lr_magic.notebook.discovery.wiring import Wiring, wire
from lr_magic.training.setup import TrainingSetup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lr_magic.notebook.discovery.request import DiscoveryRequest
    from lr_magic.training.setup import BatchOutcome


def discover(namespace: Mapping[str, object], request: DiscoveryRequest, history: Sequence[str]) -> Discovered:
    """Find what a notebook wants to train; leaves the notebook as it was.

    Parameters
    ----------
    namespace
        The notebook's names.
    request
        What the person typed; it wins over everything that is found.
    history
        Sources of the executed cells, the current one last.

    Raises
    ------
    DiscoveryError
        Where the notebook does not say; the message ends in the command that does.
    """
    with silenced(namespace):
        return _discover(namespace, request, CellHistory(history))


def _discover(namespace: Mapping[str, object], request: DiscoveryRequest, cells: CellHistory) -> Discovered:
    candidates = collect(namespace)
    by_framework = find_with_adapter(Notebook(namespace, request, cells, candidates))
    if by_framework is not None:
        return by_framework
    wiring = wire(candidates, request, namespace, cells)
    train = train_choice(candidates, request, namespace, cells)
    valid = valid_loader(candidates, request, namespace, cells)
    parts = Parts(
        wiring=wiring,
        optimizer=_optimizer(wiring),
        train=train.loader if train is not None else None,
        train_rivals=train.rivals if train is not None else (),
        valid=valid,
        device=training_device(wiring.model.value, request, namespace),
        offered=None if valid else test_loader(candidates),
    )
    parts, found = find_step(parts, candidates, request, namespace, cells)
    return Discovered(_setup(parts, found.compute_loss, request), findings_of(parts, found, candidates))


def _optimizer(wiring: Wiring) -> torch.optim.Optimizer:
    if wiring.optimizer is not None:
        return wiring.optimizer.value  # type: ignore[no-any-return]
    return torch.optim.AdamW([p for p in wiring.model.value.parameters() if p.requires_grad])


def _setup(parts: Parts, compute_loss: Callable[[Any], BatchOutcome], request: DiscoveryRequest) -> TrainingSetup:
    return TrainingSetup(
        model=parts.wiring.model.value,
        optimizer=parts.optimizer,
        train_loader=parts.train.value if parts.train is not None else (),
        compute_loss=compute_loss,
        valid_loader=parts.valid.value if parts.valid else None,
        device=parts.device,
        accumulate=request.accumulate,
        clip_norm=request.clip_norm,
        amp=request.amp,
        touched=touched_beside(compute_loss),
    )
