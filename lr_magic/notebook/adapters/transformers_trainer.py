"""Hugging Face transformers: a Trainer with its model, data, optimizer and loss."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.adapters.assembled import FrameworkParts, assembled
from lr_magic.notebook.discovery.attempts import Failure, attempt
from lr_magic.notebook.discovery.candidates import Candidate
from lr_magic.notebook.discovery.loaders import asked_loader
from lr_magic.notebook.discovery.unwrapping import base_loader, base_optimizer
from lr_magic.pure.errors import DiscoveryError
from lr_magic.training.restoring.random_state import GlobalRandomState
from lr_magic.training.setup import BatchOutcome

if TYPE_CHECKING:
    import torch

    from lr_magic.notebook.adapters.notebook import Notebook
    from lr_magic.notebook.discovery.request import Discovered


def find(notebook: Notebook) -> Discovered | None:
    """Find the Trainer that was made last."""
    found = notebook.latest(sys.modules["transformers.trainer"].Trainer)
    if found is None:
        return None
    trainer, args, request = found.value, found.value.args, notebook.request
    return assembled(
        FrameworkParts(
            name=f"{found.name}.model",
            model=trainer.model,
            optimizer=notebook.typed(request.optimizer, "--optimizer") or _optimizer(trainer),
            optimizer_name=request.optimizer or f"{found.name}.create_optimizer()",
            train=_train(found, notebook),
            valid=_valid(found),
            compute_loss=TrainerStep(trainer),
            step=f"{found.name}.compute_loss(model, batch)",
            accumulate=args.gradient_accumulation_steps,
            clip_norm=args.max_grad_norm or None,
            amp="bf16" if args.bf16 else "fp16" if args.fp16 else None,
            notes=("the Trainer's callbacks and scheduler are not run",),
        ),
        notebook,
    )


def _optimizer(trainer: Any) -> torch.optim.Optimizer:
    """Return the Trainer's optimizer, or the one that it would make; the Trainer stays as it is."""
    held = trainer.optimizer
    if held is not None:
        return base_optimizer(held)
    try:
        trainer.create_optimizer()
        return base_optimizer(trainer.optimizer)
    finally:
        trainer.optimizer = held


def _train(found: Candidate, notebook: Notebook) -> Candidate:
    request = notebook.request
    if request.train is not None:
        return asked_loader(request.train, "--train", notebook.namespace, notebook.candidates, request.magic)
    loader = _made(found.value.get_train_dataloader)
    if isinstance(loader, Failure):
        raise DiscoveryError(
            f"`{found.name}` has no training data that I can draw from ({loader.reason}). "
            f"→ `%{request.magic} --train NAME`."
        )
    return Candidate(loader, (f"{found.name}.get_train_dataloader()",))


def _valid(found: Candidate) -> Candidate | None:
    if found.value.eval_dataset is None or isinstance(found.value.eval_dataset, dict):
        return None
    loader = _made(found.value.get_eval_dataloader)
    return None if isinstance(loader, Failure) else Candidate(loader, (f"{found.name}.get_eval_dataloader()",))


def _made(make: Any) -> Any:
    random = GlobalRandomState()
    loader = attempt(make)
    random.put_back()
    return loader if isinstance(loader, Failure) else base_loader(loader)


class TrainerStep:
    """``compute_loss`` of a Trainer."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer

    def __call__(self, batch: Any) -> BatchOutcome:
        """Compute the loss of a batch."""
        inputs = self._trainer._prepare_inputs(batch)  # noqa: SLF001 - what its own training_step calls first
        return BatchOutcome(self._trainer.compute_loss(self._trainer.model, inputs))
