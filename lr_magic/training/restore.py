"""Everything as it was: models, optimizers, schedulers, scalers, loaders and random numbers, on every way out."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.lr_scheduler import LRScheduler

from lr_magic.training.copy_place import CopyPlace
from lr_magic.training.interrupts import InterruptGate, hold_interrupts_in
from lr_magic.training.object_state import ObjectWalk
from lr_magic.training.random_state import GlobalRandomState
from lr_magic.training.tensor_state import TensorState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from torch import nn
    from torch.optim import Optimizer

    from lr_magic.training.object_state import Kept
    from lr_magic.training.setup import TrainingSetup

# Tensors of samplers and datasets up to this size count as their state; larger ones are data.
_LARGEST_LOADER_TENSOR = 1 << 20


@dataclass
class RestoreReceipt:
    """What was put back, checked after it was done.

    Attributes
    ----------
    num_tensors
        Parameters, buffers and tensors of the optimizers' state whose bytes were kept and compared.
    parts
        What else was put back, in words.
    not_back
        What is not as it was, in words; empty if all went well.
    note
        Where the copies were kept, if not beside the originals.
    is_done
        False while the run goes on.
    """

    num_tensors: int = 0
    parts: tuple[str, ...] = ()
    not_back: tuple[str, ...] = ()
    note: str = ""
    is_done: bool = False

    def __str__(self) -> str:
        if not self.is_done:
            return "not restored yet"
        plural = "" if self.num_tensors == 1 else "s"
        text = "restored: " + ", ".join((f"{self.num_tensors} tensor{plural}", *self.parts))
        if self.not_back:
            text += "; NOT as before: " + ", ".join(self.not_back)
        return text + (f" ({self.note})" if self.note else "")


def restored(
    setup: TrainingSetup | None = None,
    *,
    modules: Iterable[nn.Module] = (),
    optimizers: Iterable[Optimizer] = (),
    loaders: Iterable[Any] = (),
    scalers: Iterable[Any] = (),
    schedulers: Iterable[Any] | None = None,
) -> Restored:
    """Put back everything that a run changes when the ``with`` block ends, however it ends.

    Parameters
    ----------
    setup
        What is trained; its parts are added to those given one by one.
    modules, optimizers, loaders, scalers
        What the block may change. Frozen parameters are copied only once a gradient of theirs meets an optimizer step.
    schedulers
        Learning rate schedulers attached to the optimizers; None looks for them where an optimizer shows that it has one.

    Returns
    -------
    Context manager; ``as`` gives the `RestoreReceipt`, filled when the block ends.
    """
    if setup is not None:
        modules = [setup.model, *modules]
        optimizers = [setup.optimizer, *optimizers]
        loaders = [loader for loader in (setup.train_loader, setup.valid_loader, *loaders) if loader is not None]
        scalers = [*([setup.scaler] if setup.scaler is not None else []), *scalers]
    return Restored(list(modules), list(optimizers), list(loaders), list(scalers), schedulers)


class Restored:
    """Context manager behind `restored`."""

    def __init__(
        self,
        modules: list[nn.Module],
        optimizers: list[Optimizer],
        loaders: list[Any],
        scalers: list[Any],
        schedulers: Iterable[Any] | None,
    ) -> None:
        self._modules = modules
        self._optimizers = optimizers
        self._loaders = loaders
        self._scalers = scalers
        self._schedulers = schedulers
        self._gate = InterruptGate()
        self._receipt = RestoreReceipt()

    def __enter__(self) -> RestoreReceipt:
        self._gate.__enter__()
        self._gate.shut()
        try:
            self._take()
        except BaseException:
            self._gate.__exit__(None, None, None)
            raise
        try:
            self._gate.open()
        except KeyboardInterrupt as interrupt:
            self.__exit__(KeyboardInterrupt, interrupt, None)
            raise
        return self._receipt

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.shut()
        try:
            self._put_back()
        finally:
            self._forget()
            self._gate.__exit__(kind, error, trace)

    def _take(self) -> None:
        """Record the state of everything; reads only, but for gradients and idle workers, which are set aside."""
        self._place = CopyPlace()
        self._tensors: dict[int, TensorState] = {}
        self._workers = [WorkersAside(loader) for loader in self._loaders]
        self._random = GlobalRandomState()
        training = ObjectWalk(self._keep_tensor)
        for part in (*self._modules, *self._optimizers, *self._scalers, *self._find_schedulers()):
            training.add(part)
        self._num_of_training = sum(state.is_copied for state in self._tensors.values())
        data = ObjectWalk(self._keep_loader_tensor, longest_searched=1_000)
        for workers in self._workers:
            data.mark_seen(workers.iterator)
        for loader in self._loaders:
            data.add(loader)
        self._kept: list[Kept] = [*training.kept, *data.kept]
        self._uncopied = [state for state in self._tensors.values() if not state.is_copied]
        self._num_optimizer_states = sum(len(optimizer.state) for optimizer in self._optimizers)
        self._set_aside()

    def _keep_tensor(self, tensor: torch.Tensor) -> None:
        if id(tensor) in self._tensors:
            return
        is_frozen = isinstance(tensor, torch.nn.Parameter) and not tensor.requires_grad
        self._tensors[id(tensor)] = TensorState(tensor, self._place if tensor.is_leaf and not is_frozen else None)

    def _keep_loader_tensor(self, tensor: torch.Tensor) -> None:
        if tensor.numel() * tensor.element_size() <= _LARGEST_LOADER_TENSOR:
            self._keep_tensor(tensor)

    def _find_schedulers(self) -> list[Any]:
        if self._schedulers is not None:
            return list(self._schedulers)
        found: list[Any] = []
        for optimizer in self._optimizers:
            # Searching the process takes tens of ms; a scheduler leaves its mark on `step`.
            if hasattr(getattr(optimizer, "step", None), "_wrapped_by_lr_sched"):
                found.extend(_schedulers_of(optimizer))
        return found

    def _set_aside(self) -> None:
        for state in self._tensors.values():
            state.set_grad_aside()
        for workers in self._workers:
            workers.set_aside()
        if self._uncopied:
            for optimizer in self._optimizers:
                optimizer.register_step_pre_hook(self._copy_unfrozen)

    def _copy_unfrozen(self, *_: Any) -> None:
        """Copy what was frozen at first and is about to be stepped now."""
        for state in self._uncopied:
            if state.tensor.is_leaf and state.tensor.grad is not None:
                state.copy(self._place)

    def _put_back(self) -> None:
        with torch.no_grad():
            for workers in self._workers:
                workers.put_back()
            # Objects first: they say again which tensors belong where.
            for kept in self._kept:
                kept.put_back()
            for state in self._tensors.values():
                state.put_back()
        self._random.put_back()
        self._write_receipt()

    def _write_receipt(self) -> None:
        receipt = self._receipt
        states = list(self._tensors.values())
        receipt.num_tensors = self._num_of_training
        parts = [("optimizer state", self._optimizers), ("scaler", self._scalers), ("RNG", True)]
        receipt.parts = tuple(name for name, is_there in parts if is_there)
        num_changed = sum(not state.is_back() for state in states)
        not_back = [f"{num_changed} tensors"] if num_changed else []
        if not all(kept.is_back() for kept in self._kept):
            not_back.append("attributes")
        if not self._random.is_back():
            not_back.append("RNG")
        receipt.not_back = tuple(not_back)
        if self._place.num_bytes_in_host:
            receipt.note = f"{self._place.num_bytes_in_host / 2**20:.0f} MiB of copies were kept in host memory"
        receipt.is_done = True

    def _forget(self) -> None:
        """Hold on to nothing once the run is over."""
        self._tensors = {}
        self._kept = []
        self._uncopied = []
        self._workers = []


hold_interrupts_in(Restored.__exit__.__code__)


def _schedulers_of(optimizer: Optimizer) -> list[Any]:
    """Schedulers that hold an optimizer, by the objects that refer to it (or to whose attributes it belongs)."""
    found = []
    for holder in gc.get_referrers(optimizer):
        if isinstance(holder, LRScheduler) or (
            isinstance(holder, dict) and holder.get("optimizer") is optimizer and "last_epoch" in holder
        ):
            found.append(holder)
    return found


class WorkersAside:
    """Idle worker processes of a loader with ``persistent_workers``: a run gets fresh ones, its own.

    The random state inside a worker process cannot be read, so the person's workers must not be used at all.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self.iterator = getattr(loader, "_iterator", None)

    def set_aside(self) -> None:
        """Take the workers off the loader."""
        if self.iterator is not None:
            self._loader._iterator = None  # noqa: SLF001

    def put_back(self) -> None:
        """End the run's workers and give the loader its own ones back."""
        current = getattr(self._loader, "_iterator", None)
        if current is not None and current is not self.iterator:
            shutdown = getattr(current, "_shutdown_workers", None)
            if callable(shutdown):
                shutdown()
            self._loader._iterator = self.iterator  # noqa: SLF001
