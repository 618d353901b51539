"""Lightning: a LightningModule with its DataModule, or with loaders of the notebook."""

from __future__ import annotations

import copy
import inspect
import sys
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.adapters.assembled import FrameworkParts, assembled
from lr_magic.notebook.discovery import questions
from lr_magic.notebook.discovery.attempts import Failure, attempt
from lr_magic.notebook.discovery.candidates import Candidate
from lr_magic.notebook.discovery.loaders import train_loader, valid_loader
from lr_magic.notebook.discovery.typed_line import cell_magic
from lr_magic.pure.errors import DiscoveryError
from lr_magic.training.setup import BatchOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lr_magic.notebook.adapters.notebook import Notebook
    from lr_magic.notebook.discovery.request import Discovered

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def find(notebook: Notebook) -> Discovered | None:
    """Find the LightningModule that was made last, with the data that belongs to it."""
    found = notebook.latest(*_classes("LightningModule"))
    if found is None:
        return None
    module, magic = found.value, notebook.request.magic
    if not module.automatic_optimization:
        raise DiscoveryError(
            f"`{found.name}` steps its optimizers itself (manual optimization). "
            f"→ `{cell_magic(magic)}` above `trainer.fit(…)`."
        )
    train, valid = _loaders(notebook, found)
    trainer = notebook.latest(*_classes("Trainer")) if notebook.request.model is None else None
    return assembled(
        FrameworkParts(
            name=found.name,
            model=module,
            optimizer=notebook.typed(notebook.request.optimizer, "--optimizer") or _optimizer(found, magic),
            optimizer_name=notebook.request.optimizer or f"{found.name}.configure_optimizers()",
            train=train,
            valid=valid,
            compute_loss=LightningStep(module),
            step=f"{found.name}.training_step(batch)",
            **_settings(trainer.value if trainer is not None else None),
        ),
        notebook,
    )


def _classes(name: str) -> tuple[type, ...]:
    modules = [sys.modules[package] for package in _PACKAGES if package in sys.modules]
    return tuple(dict.fromkeys(getattr(module, name) for module in modules if hasattr(module, name)))


def _settings(trainer: Any) -> dict[str, Any]:
    """Take over what the Trainer would do beside the step."""
    if trainer is None:
        return {}
    clip = getattr(trainer, "gradient_clip_val", None)
    return {
        "accumulate": getattr(trainer, "accumulate_grad_batches", 1),
        "clip_norm": float(clip) if clip and getattr(trainer, "gradient_clip_algorithm", None) != "value" else None,
    }


def _optimizer(found: Candidate, magic: str) -> torch.optim.Optimizer:
    configured = attempt(found.value.configure_optimizers)
    if isinstance(configured, Failure):
        raise DiscoveryError(
            f"`{found.name}.configure_optimizers()` needs a running trainer ({configured.reason}).\n"
            f"→ `{cell_magic(magic)}` above `trainer.fit(…)`."
        )
    optimizers = _optimizers_in(configured)
    if len(optimizers) > 1:
        pairs = [(f"optimizer {i}", type(optimizer).__name__) for i, optimizer in enumerate(optimizers)]
        raise questions.several_optimizers(pairs, magic)
    if not optimizers:
        raise DiscoveryError(
            f"`{found.name}.configure_optimizers()` gives no optimizer. → `%{magic} --optimizer NAME`."
        )
    return optimizers[0]


def _optimizers_in(configured: Any) -> list[torch.optim.Optimizer]:
    if isinstance(configured, torch.optim.Optimizer):
        return [configured]
    if isinstance(configured, dict):
        return _optimizers_in(configured["optimizer"])
    if isinstance(configured, (list, tuple)):
        return [optimizer for part in configured for optimizer in _optimizers_in(part)]
    return []


def _loaders(notebook: Notebook, found: Candidate) -> tuple[Candidate, Candidate | None]:
    """Take the DataModule's loaders, else the notebook's, else the module's own."""
    request = notebook.request
    data = None if request.train is not None else _latest_data(notebook)
    if data is not None:
        holder = _set_up(data, request.magic)
        return _made(holder, data.name, "train_dataloader", request.magic), _maybe(holder, data.name)
    train = train_loader(notebook.candidates, request, notebook.namespace, notebook.history)
    if train is None:
        return _made(found.value, found.name, "train_dataloader", request.magic), _maybe(found.value, found.name)
    return train, valid_loader(notebook.candidates, request, notebook.namespace, notebook.history)


def _latest_data(notebook: Notebook) -> Candidate | None:
    classes = _classes("LightningDataModule")
    found = [Candidate(v, (n,)) for n, v in notebook.namespace.items() if isinstance(v, classes) and n[:1] != "_"]
    return max(found, key=lambda c: notebook.history.last_assignment(c.name), default=None)


def _set_up(data: Candidate, magic: str) -> Any:
    """Return the DataModule if its loaders can be made, else a copy that was set up; the person's stays as it is."""
    if not isinstance(attempt(data.value.train_dataloader), Failure):
        return data.value
    copied = copy.copy(data.value)
    prepared = attempt(lambda: copied.setup("fit"))
    if isinstance(prepared, Failure):
        raise DiscoveryError(
            f"`{data.name}` is not prepared ({prepared.reason}). → `{data.name}.prepare_data(); "
            f"{data.name}.setup('fit')`, then `%{magic}`."
        )
    return copied


def _made(holder: Any, name: str, method: str, magic: str) -> Candidate:
    loader = attempt(getattr(holder, method))
    if isinstance(loader, Failure) or loader is None:
        raise questions.no_train_loader(magic)
    return Candidate(loader, (f"{name}.{method}()",))


def _maybe(holder: Any, name: str) -> Candidate | None:
    loader = attempt(holder.val_dataloader)
    usable = not isinstance(loader, (Failure, list, tuple)) and loader is not None and hasattr(loader, "__iter__")
    return Candidate(loader, (f"{name}.val_dataloader()",)) if usable else None


class LightningStep:
    """``training_step`` of a module without its trainer; what it logs becomes metrics."""

    def __init__(self, module: Any) -> None:
        self._module = module
        parameters = inspect.signature(module.training_step).parameters
        self._num_arguments = len([p for p in parameters.values() if p.default is p.empty and p.kind != p.VAR_KEYWORD])
        self._num_batches = 0

    def __call__(self, batch: Any) -> BatchOutcome:
        """Compute the loss of a batch."""
        logged: dict[str, Any] = {}
        attributes = self._module.__dict__
        # A trainer that is not fitting refuses to log.
        attributes["log"] = lambda name, value, *_, **__: logged.__setitem__(name, value)
        attributes["log_dict"] = lambda values, *_, **__: logged.update(values)
        try:
            returned = self._module.training_step(*(batch, self._num_batches, 0)[: self._num_arguments])
        finally:
            del attributes["log"], attributes["log_dict"]
        self._num_batches += 1
        loss = returned["loss"] if isinstance(returned, dict) else returned
        return BatchOutcome(loss, _numbers(logged))


def _numbers(logged: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what is one number; torchmetrics objects compute theirs at the end of an epoch."""
    return {
        name: value.detach() if isinstance(value, torch.Tensor) else value
        for name, value in logged.items()
        if isinstance(value, (int, float)) or (isinstance(value, torch.Tensor) and value.numel() == 1)
    }
