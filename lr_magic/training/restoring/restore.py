"""Everything as it was: models, optimizers, schedulers, scalers, loaders and random numbers, on every way out."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.pure.counted import counted
from lr_magic.training.interrupts import InterruptGate, hold_interrupts_in
from lr_magic.training.restoring.attached_schedulers import schedulers_of
from lr_magic.training.restoring.copy_place import CopyPlace
from lr_magic.training.restoring.file_state import FileState
from lr_magic.training.restoring.frozen_guard import FrozenGuard
from lr_magic.training.restoring.loader_state import LoaderState
from lr_magic.training.restoring.object_kinds import only_goes_forward
from lr_magic.training.restoring.object_state import ObjectWalk
from lr_magic.training.restoring.random_state import GlobalRandomState
from lr_magic.training.restoring.restore_receipt import RestoreReceipt, parts_of
from lr_magic.training.restoring.tensor_state import TensorState, count_changed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from torch import nn
    from torch.optim import Optimizer

    from lr_magic.training.restoring.kept_states import Kept
    from lr_magic.training.setup import TrainingSetup

# A tensor larger than this, in bytes, is data: nobody sums up in it.
_LARGEST_SUM = 1 << 20

_ONE_SHOT_NOTE = "an iterator that the code draws from does not give its items again"

__all__ = ["RestoreReceipt", "Restored", "restored"]


def restored(
    setup: TrainingSetup | None = None,
    *,
    modules: Iterable[nn.Module] = (),
    optimizers: Iterable[Optimizer] = (),
    loaders: Iterable[Any] = (),
    scalers: Iterable[Any] = (),
    schedulers: Iterable[Any] | None = None,
    touched: Iterable[Any] = (),
) -> Restored:
    """Put back everything that a run changes when the ``with`` block ends, however it ends.

    Parameters
    ----------
    setup
        What is trained; its parts are added to those given one by one.
    modules, optimizers, loaders, scalers
        What the block may change. Frozen parameters are copied only once something is about to write into them: in
        the first steps, or an optimizer step with a gradient of theirs. What comes later is named, not put back.
    schedulers
        Learning rate schedulers attached to the optimizers; None looks for them, unless only the engine itself makes
        the steps and no optimizer shows that it has or had one.
    touched
        Anything else that the block may change: lists, dicts, objects of the notebook's own classes.

    Returns
    -------
    Context manager; ``as`` gives the `RestoreReceipt`, filled when the block ends. Anything that could not be put back
    is named there and in a RuntimeWarning.
    """
    training: list[Any] = [*modules, *optimizers, *scalers, *touched]
    if setup is not None:
        scaler = [setup.scaler] if setup.scaler is not None else []
        training = [setup.model, setup.optimizer, *scaler, *training, *setup.touched]
        loaders = [*(x for x in (setup.train_loader, setup.valid_loader) if x is not None), *loaders]
    is_stepped_by_us = setup is not None and setup.train_batch is None
    return Restored(training, list(loaders), schedulers, is_stepped_by_us=is_stepped_by_us)


class Restored:
    """Context manager behind `restored`: records on entering, puts back on leaving.

    Parameters
    ----------
    training
        Modules, optimizers and scalers.
    loaders
        Loaders of batches.
    schedulers
        Schedulers, or None to look for them.
    is_stepped_by_us
        See `schedulers_of`.
    """

    def __init__(
        self, training: list[Any], loaders: list[Any], schedulers: Iterable[Any] | None, *, is_stepped_by_us: bool
    ) -> None:
        self._training = training
        self._loaders = loaders
        self._schedulers = schedulers
        self._is_stepped_by_us = is_stepped_by_us
        self._gate = InterruptGate()
        self._receipt = RestoreReceipt()
        self._tensors: dict[int, TensorState] = {}
        self._guard: FrozenGuard | None = None
        self._kept: list[Kept] = []
        self._loader_states: list[LoaderState] = []

    def __enter__(self) -> RestoreReceipt:
        self._gate.__enter__()
        self._gate.lock()
        try:
            # Lazy parameters and other kinds of tensors refuse to be looked at otherwise.
            with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001
                self._take()
                self._set_aside()
            self._gate.open()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self._receipt

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.lock()
        try:
            self._put_back()
        finally:
            self._forget()
            self._gate.__exit__(kind, error, trace)
        if self._receipt.not_back:
            warnings.warn(str(self._receipt), RuntimeWarning, stacklevel=2)

    def _take(self) -> None:
        """Record the state of everything; only reads."""
        self._random: GlobalRandomState | None = GlobalRandomState()
        self._place = CopyPlace()
        walk = ObjectWalk(self._keep_tensor)
        for part in (*self._training, *self._find_schedulers()):
            if isinstance(part, torch.Tensor) and _is_data(part):
                self._tensors.setdefault(id(part), TensorState(part, None))
            walk.add(part)
        self._kept = walk.kept
        self._receipt.num_tensors = sum(state.is_copied for state in self._tensors.values())
        self._receipt.parts = parts_of(self._training)
        inner = [each for loader in self._loaders for each in _loaders_in(loader)]
        self._loader_states = [LoaderState(loader, self._keep_tensor) for loader in (*inner, *self._loaders)]

    def _keep_tensor(self, tensor: torch.Tensor) -> None:
        if id(tensor) not in self._tensors:
            is_frozen = isinstance(tensor, torch.nn.Parameter) and not tensor.requires_grad
            self._tensors[id(tensor)] = TensorState(tensor, self._place if tensor.is_leaf and not is_frozen else None)

    def _find_schedulers(self) -> Iterable[Any]:
        if self._schedulers is not None:
            return self._schedulers
        optimizers = [part for part in self._training if isinstance(part, torch.optim.Optimizer)]
        return schedulers_of(optimizers, is_stepped_by_us=self._is_stepped_by_us)

    def _set_aside(self) -> None:
        """Take off what a run is to make anew: gradients and worker processes."""
        for state in self._tensors.values():
            state.set_grad_aside()
        for loader_state in self._loader_states:
            loader_state.set_aside()
        frozen = [state for state in self._tensors.values() if not state.is_copied and state.tensor.is_leaf]
        if frozen:
            self._guard = FrozenGuard(frozen, self._place)
            self._guard.watch(self._training)

    def _put_back(self) -> None:
        """Put back part after part; one that fails is named and does not keep the others from theirs."""
        if self._guard is not None:
            self._guard.leave()
        states = list(self._tensors.values())
        with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001 - see `__enter__`
            not_back = [*self._not_back("loader", [state.put_back for state in self._loader_states])]
            # Objects before tensors: they say again which tensors belong where.
            files = [kept for kept in self._kept if isinstance(kept, FileState)]
            others = [kept for kept in self._kept if not isinstance(kept, FileState)]
            not_back += self._not_back("object", [kept.put_back for kept in others])
            not_back += self._not_back("open file", [file.put_back for file in files])
            self._not_back("tensor", [state.put_back for state in states])
            # Looked at when all are written: one may share its memory with another.
            not_back += _changed(states)
        if self._random is not None:
            not_back += self._not_back("random state", [self._random.put_back])
        self._receipt.not_back = tuple(not_back)
        one_shot = _ONE_SHOT_NOTE if any(only_goes_forward(part) for part in self._training) else ""
        notes = dict.fromkeys((self._place.note, one_shot, *(state.note for state in self._loader_states)))
        self._receipt.note = "; ".join(filter(None, notes))
        self._receipt.is_done = True

    def _not_back(self, noun: str, actions: list[Callable[[], bool]]) -> list[str]:
        num_failed = sum(not _succeeds(action) for action in actions)
        return [counted(num_failed, noun)] if num_failed else []

    def _forget(self) -> None:
        """Hold on to nothing once the run is over."""
        self._tensors, self._kept, self._guard, self._loader_states = {}, [], None, []
        self._training, self._loaders, self._random = [], [], None


hold_interrupts_in(Restored.__exit__.__code__)


def _is_data(tensor: torch.Tensor) -> bool:
    """Whether a tensor is rather read than written: copied, as a frozen parameter is, once it is written into."""
    return not tensor.requires_grad and tensor.numel() * tensor.element_size() > _LARGEST_SUM


def _loaders_in(loader: Any) -> tuple[Any, ...]:
    """Loaders that one draws from in its turn: a ``zip`` of two, a clause of a notebook."""
    inner = getattr(loader, "loaders", ())
    return tuple(inner) if isinstance(inner, (list, tuple)) else ()


def _changed(states: list[TensorState]) -> list[str]:
    try:
        num_changed = count_changed(states)
    except Exception:  # noqa: BLE001 - a device in trouble cannot be looked at
        num_changed = len(states)
    return [counted(num_changed, "tensor")] if num_changed else []


def _succeeds(action: Callable[[], bool]) -> bool:
    try:
        return action()
    except Exception:  # noqa: BLE001 - a foreign object may raise anything, and the rest must be put back all the same
        return False
