"""A step of the person's own, as a loop can call it: their statements, one batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.discovery.own_step.criterion_calls import calls_of
from lr_magic.notebook.discovery.own_step.rewriting import BACKWARD, BATCHES, SKIP
from lr_magic.notebook.discovery.own_step.step_cut import FIRST
from lr_magic.pure.errors import BatchError
from lr_magic.training.setup import BatchOutcome

if TYPE_CHECKING:
    from types import CodeType

    from torch import nn


_WAY_OUT = "→ `--metric` with an expression of the names that your step assigns: 'accuracy(logits, labels)'"


class _SkippedBatchError(Exception):
    """The person's code left the step: ``return`` before ``backward``."""


@dataclass(frozen=True)
class StepMetric:
    """A metric in terms of the step's own names.

    Attributes
    ----------
    text, code
        The expression.
    stand_ins
        What some of its names mean in it, whatever the step has under them.
    compared
        Of a name alone: a function of the output and the target that the step hands to its criterion.
    """

    text: str
    code: CodeType
    stand_ins: Mapping[str, Callable[..., Any]]
    compared: Callable[[Any, Any], Any] | None = None

    def __call__(self, scope: Mapping[str, Any], calls: Sequence[tuple[Any, Any]]) -> Any:
        """Evaluate it after a step; `calls` are those of its criterion."""
        if self.compared is not None and not _is_value(scope.get(self.text)):
            if calls:
                return self.compared(*calls[-1])
            raise BatchError(f"`--metric {self.text}`: your own step does not say what it compares. {_WAY_OUT}")
        try:
            return eval(self.code, {**scope, **self.stand_ins})  # noqa: S307 - the person's own expression
        except NameError as error:
            raise BatchError(f"`--metric {self.text}`: your own step knows no `{error.name}`. {_WAY_OUT}") from None


def _is_value(value: Any) -> bool:
    """Whether a step has assigned a number under a metric's name, which then is the metric."""
    return isinstance(value, torch.Tensor) or (isinstance(value, (int, float)) and not isinstance(value, bool))


@dataclass
class OwnStep:
    """Runs a step that was cut out of the person's code.

    Names that it binds stay in a scope of its own, so the notebook's stay what they are; one scope for training and
    one for validation, so that a state carried from batch to batch is not mixed up.

    Attributes
    ----------
    name
        Where the step comes from.
    prologue, body
        Code that runs once, and for every batch.
    names
        What the code sees: the notebook, with the objects that stand for a function's parameters.
    batch_names
        Names that the parts of a batch are bound to, where a function takes them as parameters; one name takes it all.
    counts
        True where the loop counts its batches (``enumerate``).
    metrics
        Name to what is evaluated beside the loss.
    criteria
        Criteria of the step whose calls some of the metrics need.
    """

    name: str
    prologue: CodeType
    body: CodeType
    names: Mapping[str, Any]
    batch_names: tuple[str, ...] = ()
    counts: bool = False
    metrics: Mapping[str, StepMetric] = field(default_factory=dict)
    criteria: tuple[nn.Module, ...] = ()
    _scopes: dict[bool, dict[str, Any]] = field(default_factory=dict, repr=False)
    _num_batches: int = field(default=0, repr=False)

    def __call__(self, batch: Any) -> BatchOutcome:
        """Run the person's statements on a batch, up to the loss that they call ``backward`` on."""
        scope = self._scope()
        losses: list[torch.Tensor] = []
        scope[BACKWARD] = lambda *given: losses.append(_handed_over(given))
        self._bind(batch, scope)
        with calls_of(self.criteria) as calls, suppress(_SkippedBatchError):
            exec(self.body, scope)  # noqa: S102 - the person's own statements, cut out of their own code
        if not losses:
            raise BatchError(f"{self.name} reaches no `backward` for this batch.")
        loss = losses[0] if len(losses) == 1 else torch.stack(losses).sum()
        return BatchOutcome(loss, {name: metric(scope, calls) for name, metric in self.metrics.items()})

    def fresh(self) -> OwnStep:
        """Return the same step with nothing carried over from batches that it has seen."""
        return replace(self, _scopes={}, _num_batches=0)

    def start(self) -> dict[str, Any]:
        """Return a scope in which the prologue has run."""
        scope = {**self.names, FIRST: _first, SKIP: _SkippedBatchError()}
        exec(self.prologue, scope)  # noqa: S102 - the person's own statements, cut out of their own code
        return scope

    def _scope(self) -> dict[str, Any]:
        is_training = torch.is_grad_enabled()
        if is_training not in self._scopes:
            self._scopes[is_training] = self.start()
        return self._scopes[is_training]

    def _bind(self, batch: Any, scope: dict[str, Any]) -> None:
        if len(self.batch_names) == 1:
            scope[self.batch_names[0]] = batch
        elif self.batch_names:
            parts = batch.values() if isinstance(batch, Mapping) else batch
            scope.update(zip(self.batch_names, parts, strict=True))
        scope[BATCHES] = [(self._num_batches, batch)] if self.counts else [batch]
        self._num_batches += 1


def _handed_over(given: tuple[Any, ...]) -> torch.Tensor:
    """Return the loss of ``loss.backward()``, ``loss.backward(weights)`` or ``accelerator.backward(loss)``."""
    receiver, *others = given
    if not isinstance(receiver, torch.Tensor):
        return others[0]  # type: ignore[no-any-return]
    if others and isinstance(others[0], torch.Tensor):
        return (receiver * others[0]).sum()
    return receiver if receiver.ndim == 0 else receiver.sum()


def _first(values: Iterable[Any]) -> Any:
    """Return the first value of a loop around the loop over the batches: epoch 0, phase "train"."""
    return next(iter(values))
