"""fastai: a Learner with its DataLoaders and its loss."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.adapters.assembled import FrameworkParts, assembled
from lr_magic.notebook.discovery.candidates import Candidate
from lr_magic.notebook.discovery.loaders import asked_loader
from lr_magic.training.setup import BatchOutcome

if TYPE_CHECKING:
    from lr_magic.notebook.adapters.notebook import Notebook
    from lr_magic.notebook.discovery.request import Discovered


def find(notebook: Notebook) -> Discovered | None:
    """Find the Learner that was made last."""
    found = notebook.latest(sys.modules["fastai.learner"].Learner)
    if found is None:
        return None
    learner, request = found.value, notebook.request
    optimizer = notebook.typed(request.optimizer, "--optimizer") or _torch_optimizer(learner)
    is_default = optimizer is None
    return assembled(
        FrameworkParts(
            name=f"{found.name}.model",
            model=learner.model,
            optimizer=_default_optimizer(learner) if optimizer is None else optimizer,
            optimizer_name=request.optimizer or ("" if is_default else f"{found.name}.opt"),
            optimizer_is_guess=is_default,
            train=_train(found, notebook),
            valid=_valid(found),
            compute_loss=LearnerStep(learner),
            step=f"{found.name}.loss_func({found.name}.model(*inputs), *targets)",
            notes=("the Learner's callbacks are not run", *(_AS_ADAMW if is_default else ())),
        ),
        notebook,
    )


_AS_ADAMW = ("fastai's optimizers are not torch's: AdamW stands in for the Learner's",)


def _torch_optimizer(learner: Any) -> torch.optim.Optimizer | None:
    """Return the torch optimizer inside an OptimWrapper, where the Learner has made it already."""
    inside = getattr(getattr(learner, "opt", None), "opt", None)
    return inside if isinstance(inside, torch.optim.Optimizer) else None


def _default_optimizer(learner: Any) -> torch.optim.Optimizer:
    """Make an AdamW with a group for each of the Learner's parameter groups."""
    groups = [{"params": list(group)} for group in learner.splitter(learner.model)] if _splits(learner) else None
    return torch.optim.AdamW(groups or list(learner.model.parameters()), lr=learner.lr)


def _splits(learner: Any) -> bool:
    groups = list(learner.splitter(learner.model))
    return bool(groups) and all(isinstance(group, (list, tuple)) for group in groups)


def _train(found: Candidate, notebook: Notebook) -> Candidate:
    request = notebook.request
    if request.train is not None:
        return asked_loader(request.train, "--train", notebook.namespace, notebook.candidates, request.magic)
    return Candidate(found.value.dls.train, (f"{found.name}.dls.train",))


def _valid(found: Candidate) -> Candidate | None:
    loaders = found.value.dls
    return Candidate(loaders.valid, (f"{found.name}.dls.valid",)) if len(loaders.loaders) > 1 else None


class LearnerStep:
    """Forward and loss of a Learner, without its callbacks."""

    def __init__(self, learner: Any) -> None:
        self._learner = learner

    def __call__(self, batch: Any) -> BatchOutcome:
        """Compute the loss of a batch."""
        number = getattr(self._learner.dls, "n_inp", 1 if len(batch) == 1 else len(batch) - 1)
        output = self._learner.model(*batch[:number])
        return BatchOutcome(self._learner.loss_func(output, *batch[number:]))
