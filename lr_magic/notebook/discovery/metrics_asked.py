"""What follows ``--metric``: the notebook's own functions and metrics, metrics by name, and expressions of them."""

from __future__ import annotations

import ast
import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.discovery.expressions import Metrics, is_of_step, parse_expression
from lr_magic.notebook.discovery.loss_kind import takes_logits
from lr_magic.notebook.discovery.own_step.criterion_calls import criteria_of
from lr_magic.notebook.discovery.own_step.own_step import OwnStep, StepMetric
from lr_magic.pure.errors import DiscoveryError, LrMagicError, SettingError
from lr_magic.training.epoch_metrics import EpochMeans, EpochMetric, MetricUpdate, followed_over_epoch, numbers_of
from lr_magic.training.metrics import named_metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lr_magic.notebook.discovery.found_step import FoundStep
    from lr_magic.notebook.discovery.loss_reading import LossReading
    from lr_magic.notebook.discovery.request import DiscoveryRequest

_OPTION = "--metric"


def metrics_of(
    request: DiscoveryRequest, namespace: Mapping[str, object], batch: object, loss: LossReading
) -> Metrics | None:
    """Read the metrics of a step of ``output`` and ``target``.

    What the notebook has under a name wins, if it can be called or is a metric of the epoch: ``accuracy = 0.9`` is not
    meant.
    """
    if not request.metrics:
        return None
    are_logits = takes_logits(loss.function)
    by_name: dict[str, Any] = {}
    for text in request.metrics:
        known = {**namespace, **_stand_ins(text, namespace, are_logits)}
        by_name[text] = followed_over_epoch(parse_expression(text, known, batch, option=_OPTION, magic=request.magic))
    return Metrics(by_name)


def with_metrics(step: OwnStep, request: DiscoveryRequest, namespace: Mapping[str, object]) -> OwnStep:
    """Follow metrics beside a step of the person's own.

    Expressions are in terms of the names that it assigns; a name alone compares what the step hands to its criterion,
    unless the step assigns a number under it.
    """
    if not request.metrics:
        return step
    criteria = criteria_of(step.body, step.names)
    are_logits = takes_logits(criteria[0]) if len(criteria) == 1 else None
    metrics = {
        text: StepMetric(
            text.strip(),
            _compiled(text),
            _stand_ins(text, namespace, are_logits, only_called=True),
            _compared(text.strip(), namespace, are_logits),
        )
        for text in request.metrics
    }
    has_names = any(metric.compared is not None for metric in metrics.values())
    return replace(step, metrics=metrics, criteria=criteria if has_names else ())


def _compared(name: str, namespace: Mapping[str, object], are_logits: bool | None) -> Callable[..., Any] | None:
    """What a name alone means: the notebook's function or metric, else one by name; None for anything else."""
    if not name.isidentifier():
        return None
    value = namespace.get(name)
    if callable(value):
        return followed_over_epoch(value)  # type: ignore[no-any-return]
    return _by_name(name, is_typo=False, are_logits=are_logits)


def refuse_bad_metrics(found: FoundStep, batch: object) -> None:
    """Try the metrics on a batch, so that one that does not work is refused now and not after the first epoch.

    Raises
    ------
    LrMagicError
        In words, for a metric of the epoch; what a person's own function raises goes on as it is.
    """
    step = found.compute_loss.fresh() if isinstance(found.compute_loss, OwnStep) else found.compute_loss
    with torch.no_grad():
        outcome = step(batch)
    for name, value in outcome.metrics.items():
        _try(name, value)


def _try(name: str, value: Any) -> None:
    try:
        if not isinstance(value, MetricUpdate):
            numbers_of(name, value)
            return
        means = EpochMeans()
        means.add({name: MetricUpdate(copy.deepcopy(value.metric), value.calls)}, 1)
        means.read()
    except LrMagicError:
        raise
    except Exception as error:
        raise DiscoveryError(
            f"`{_OPTION} {name}` cannot be computed for a batch ({type(error).__name__}: {_first_line(error)}). "
            f"→ `{_OPTION} EXPR` that gives one number from `out` and `y`."
        ) from error


def _stand_ins(
    text: str, namespace: Mapping[str, object], are_logits: bool | None, *, only_called: bool = False
) -> dict[str, Callable[..., Any]]:
    """What the names of a metric stand for, where that is not what the notebook has under them."""
    names, called = _names(text)
    found: dict[str, Callable[..., Any]] = {}
    for name in called if only_called else names:
        value = namespace.get(name)
        if isinstance(value, EpochMetric) and not isinstance(value, type):
            found[name] = followed_over_epoch(value)
        elif not callable(value) and (name in called or text.strip() == name) and not is_of_step(name):
            metric = _by_name(name, is_typo=name not in namespace and text.strip() == name, are_logits=are_logits)
            found.update({} if metric is None else {name: metric})
    return found


def _by_name(name: str, *, is_typo: bool, are_logits: bool | None) -> Callable[..., Any] | None:
    try:
        return named_metric(name, are_logits=are_logits)
    except SettingError:
        if is_typo:
            raise
        return None


def _names(text: str) -> tuple[set[str], set[str]]:
    """Names of an expression, and those of them that it calls."""
    try:
        nodes = list(ast.walk(ast.parse(text.strip(), mode="eval")))
    except SyntaxError:
        return set(), set()  # refused, with the way out, by who reads the expression
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    return {node.id for node in nodes if isinstance(node, ast.Name)}, called


def _compiled(text: str) -> Any:
    try:
        return compile(text.strip(), f"<{_OPTION}>", "eval")
    except SyntaxError as error:
        raise DiscoveryError(
            f"`{text}` is not an expression. → `{_OPTION} EXPR`, in quotes if it contains spaces."
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
