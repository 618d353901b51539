"""What is trained, with what, on what: one object for a loop to work on."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from lr_magic.pure.errors import BatchError, SettingError
from lr_magic.training.epoch_metrics import EpochMetric, followed_over_epoch
from lr_magic.training.param_groups import refuse_without_lr

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn
    from torch.optim import Optimizer

    from lr_magic.training.step import Update

Metric = Callable[[Any, Any], Any]


class BatchOutcome(NamedTuple):
    """What one batch says: its loss, and metrics by name.

    Attributes
    ----------
    loss
        Tensor with one element, still part of the graph.
    metrics
        Name to number, tensor with one element, or `MetricUpdate`.
    """

    loss: torch.Tensor
    metrics: Mapping[str, Any] = {}


AUTOCAST_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class TrainingSetup:
    """Model, optimizer, data and loss, with what belongs to a step of theirs.

    Parameters
    ----------
    model, optimizer, train_loader
        As in a training loop of one's own. The loader may be anything that can be iterated.
    compute_loss
        Called with a batch on the device; forward only.
    valid_loader
        Batches for the validation pass after each epoch.
    device
        Where batches go; None for the model's own, else the accelerator that torch names.
    accumulate
        Batches per optimizer step, >= 1; the loss of a step is their mean.
    clip_norm
        Largest norm of all gradients together, > 0; None leaves them alone.
    amp
        ``"bf16"`` or ``"fp16"``: forward passes run under autocast. fp16 without a scaler gets one for the run.
    scaler
        Gradient scaler of one's own.
    train_batch
        A person's own step, called with the batch and an `Update` in place of `compute_loss`. What it carries from
        batch to batch (a hidden state) it drops where it has a method `forget`, called before a run begins anew.
    owns_step
        `train_batch` decides when to step: a batch without a step is accumulation.
    steps_per_pass
        Optimizer steps of a pass over the loader, where `owns_step` and it is known; None where only the steps tell.
    touched
        Further objects that a step may change: a teacher, lists that it appends to. A restore puts them back.

    Raises
    ------
    SettingError
        If a value is out of its range, or the optimizer cannot be driven one step per batch.
    """

    model: nn.Module
    optimizer: Optimizer
    train_loader: Iterable[Any]
    compute_loss: Callable[[Any], BatchOutcome]
    valid_loader: Iterable[Any] | None = None
    device: torch.device | str | None = None
    accumulate: int = 1
    clip_norm: float | None = None
    amp: str | None = None
    scaler: torch.amp.GradScaler | None = None
    train_batch: Callable[[Any, Update], BatchOutcome | None] | None = None
    owns_step: bool = False
    steps_per_pass: int | None = None
    touched: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if self.accumulate < 1:
            raise SettingError(f"accumulate must be at least 1 batch per step; got {self.accumulate}.")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise SettingError(f"clip_norm must be above 0; got {self.clip_norm:g}. None leaves gradients alone.")
        if self.amp is not None and self.amp not in AUTOCAST_TYPES:
            raise SettingError(f"amp must be one of {', '.join(AUTOCAST_TYPES)} or None; got {self.amp!r}.")
        if self.owns_step and self.train_batch is None:
            raise SettingError("owns_step=True needs train_batch, the step of your own that calls update.step().")
        _refuse_closure_optimizer(self.optimizer)

    @property
    def target_device(self) -> torch.device:
        """Where batches go: `device`, else the model's, else the accelerator that torch names, else the CPU.

        A kind of device without a number (``"cuda"``) means the one of them on which the model is.
        """
        held = device_of(self.model)
        wanted = held if self.device is None else torch.device(self.device)
        return held if wanted.index is None and wanted.type == held.type else wanted

    def begin_anew(self) -> None:
        """Let a step of one's own forget what it has carried from batch to batch."""
        forget = getattr(self.train_batch, "forget", None)
        if callable(forget):
            forget()

    @classmethod
    def supervised(
        cls,
        model: nn.Module,
        optimizer: Optimizer,
        train_loader: Iterable[Any],
        loss_fn: Callable[[Any, Any], torch.Tensor],
        *,
        metrics: Mapping[str, Metric | EpochMetric] | None = None,
        **options: Any,
    ) -> TrainingSetup:
        """Setup for batches of (input, target): the loss is ``loss_fn(model(input), target)``.

        Parameters
        ----------
        loss_fn
            Called with output and target; returns the mean loss.
        metrics
            Name to a function of output and target, whose values are averaged over the samples, or to a metric that is
            updated by batch and computed over the epoch (torchmetrics). On the validation data where there are some,
            else on the training batches.
        **options
            The remaining parameters of `TrainingSetup`.
        """
        wants_training_metrics = bool(metrics) and options.get("valid_loader") is None
        chosen = {name: followed_over_epoch(metric) for name, metric in (metrics or {}).items()}

        def compute_loss(batch: Any) -> BatchOutcome:
            inputs, target = _input_and_target(batch)
            output = model(inputs)
            loss = loss_fn(output, target)
            if not chosen or not (wants_training_metrics or not torch.is_grad_enabled()):
                return BatchOutcome(loss)
            with torch.no_grad():
                return BatchOutcome(loss, {name: fn(output, target) for name, fn in chosen.items()})

        # A loss may have a state of its own: a running centre, a memory of former batches.
        touched = (*options.pop("touched", ()), loss_fn)
        return cls(model, optimizer, train_loader, compute_loss, touched=touched, **options)


def _input_and_target(batch: Any) -> tuple[Any, Any]:
    if isinstance(batch, (tuple, list)) and len(batch) == 2:
        return batch[0], batch[1]
    size = f" of {len(batch)}" if isinstance(batch, (tuple, list)) else ""
    raise BatchError(
        f"A batch must be a pair (input, target); got a {type(batch).__name__}{size}. "
        "Give TrainingSetup a compute_loss(batch) that knows its parts."
    )


def device_of(model: nn.Module) -> torch.device:
    """Device of a model's parameters, else of its buffers, else the accelerator that torch names, else the CPU."""
    for tensors in (model.parameters(), model.buffers()):
        first = next(tensors, None)
        if first is not None:
            return first.device
    accelerator = getattr(torch, "accelerator", None)  # torch >= 2.6
    if accelerator is not None and accelerator.is_available():
        return torch.device(accelerator.current_accelerator())
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _refuse_closure_optimizer(optimizer: Optimizer) -> None:
    """LBFGS and its like evaluate the model several times within one step, at points that no schedule knows."""
    if not any(group["params"] for group in optimizer.param_groups):
        raise SettingError("The optimizer holds no parameter. Give it those of the model: SGD(model.parameters(), …).")
    refuse_without_lr(optimizer)
    kind: Any = type(optimizer)
    has_own_step = "step" in getattr(optimizer, "__dict__", {})  # an attached scheduler's, or the person's
    if _needs_closure(optimizer.step) if has_own_step else _class_needs_closure(kind):
        raise SettingError(
            f"{type(optimizer).__name__} evaluates the loss several times within one step (it needs a closure), so no "
            "step has one learning rate and one loss. Use an optimizer that steps once per batch: SGD, AdamW, …"
        )


def _needs_closure(step: Callable[..., Any]) -> bool:
    closure = inspect.signature(step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


@lru_cache(maxsize=16)  # looking at a signature takes as long as a tenth of a small network's step
def _class_needs_closure(kind: type[Optimizer]) -> bool:
    return _needs_closure(kind.step)


def refuse_misplaced_model(setup: TrainingSetup) -> None:
    """Raise SettingError where the model is on another device than its batches will be."""
    if setup.device is None or next(setup.model.parameters(), None) is None:
        return
    wanted, actual = setup.target_device, device_of(setup.model)
    if not _is_same_device(wanted, actual):
        raise SettingError(f"The model is on {actual} and device is {wanted}. Move it first: model.to('{wanted}').")


def _is_same_device(one: torch.device, other: torch.device) -> bool:
    return one.type == other.type and (one.index or 0) == (other.index or 0)


def require_positive(name: str, value: float | None, *, hint: str = "") -> None:
    """Raise SettingError unless the value is None or a finite number above 0."""
    if value is not None and not (math.isfinite(value) and value > 0):
        raise SettingError(f"{name} must be a finite number above 0; got {value:g}.{' ' + hint if hint else ''}")
