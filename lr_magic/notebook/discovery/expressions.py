"""A loss or a metric that the person wrote as an expression of the output and the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.discovery.batch_items import items_of
from lr_magic.notebook.discovery.lookup import check_names, look_up
from lr_magic.pure.errors import BatchError, LrMagicError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType

OUTPUT_NAMES = frozenset({"out", "output", "outputs", "pred", "preds", "y_pred", "y_hat", "logits"})
TARGET_NAMES = frozenset({"y", "target", "targets", "label", "labels", "y_true"})
BATCH_NAMES = frozenset({"x", "inputs", "batch"})


def is_of_step(name: str) -> bool:
    """Whether a name stands for a part of the step in what a person writes, whatever the notebook has under it."""
    return name in OUTPUT_NAMES | TARGET_NAMES | BATCH_NAMES


@dataclass(frozen=True)
class Expression:
    """A scalar in terms of ``out``, ``y``, ``batch``, the keys of a dict batch and the names of the notebook."""

    text: str
    code: CodeType
    namespace: Mapping[str, object]
    step_names: frozenset[str]

    def __call__(self, output: Any, target: Any, batch: Any) -> Any:
        """Evaluate it for one batch."""
        values = {**_keys(batch), **_step_values(output, target, batch)}
        # The step's own names win over leftovers of the notebook that happen to share them.
        scope = {**self.namespace, **{name: value for name, value in values.items() if name in self.step_names}}
        return eval(self.code, scope)  # noqa: S307 - the person's own expression, in the person's own notebook


def _keys(batch: object) -> dict[str, Any]:
    return {item.name: item.value for item in items_of(batch) if item.name.isidentifier()}


def _step_values(output: Any, target: Any, batch: Any) -> dict[str, Any]:
    items = items_of(batch)
    first = items[0].value if items else batch
    return {
        **dict.fromkeys(OUTPUT_NAMES, output),
        **dict.fromkeys(TARGET_NAMES, target),
        "x": first,
        "inputs": first,
        "batch": batch,
    }


def parse_expression(
    text: str, namespace: Mapping[str, object], batch: object, *, option: str, magic: str
) -> Expression | Callable[[Any, Any], Any]:
    """Read what follows ``--loss`` or ``--metric``: a callable ``(output, target)``, or an expression of the step.

    It is the second where it uses a name of the step (``out``, ``y``, ``batch``, a key) outside of which it would mean
    nothing, or where a name of the notebook alone is not callable.
    """
    step_names = OUTPUT_NAMES | TARGET_NAMES | BATCH_NAMES | frozenset(_keys(batch))
    used = check_names(text, namespace, option=option, magic=magic, also=step_names)
    if not used & step_names or text.strip() in namespace:
        value = look_up(text, namespace, option=option, magic=magic)
        if callable(value):
            return value
    return Expression(text, compile(text.strip(), f"<{option}>", "eval"), namespace, step_names)


@dataclass(frozen=True)
class Metrics:
    """What is followed beside the loss: name → callable or expression."""

    by_name: Mapping[str, Expression | Callable[[Any, Any], Any]]

    def __call__(self, compared: tuple[Any, Any], output: Any, batch: Any) -> dict[str, Any]:
        """Evaluate all of them on one batch.

        Parameters
        ----------
        compared
            Output and target as a function of both takes them.
        output
            What ``out`` is in an expression.
        """
        return {
            name: self._evaluated(name, metric, output, compared[1], batch)
            if isinstance(metric, Expression)
            else metric(*compared)
            for name, metric in self.by_name.items()
        }

    @staticmethod
    def _evaluated(name: str, metric: Expression, output: Any, target: Any, batch: Any) -> Any:
        try:
            return metric(output, target, batch)
        except LrMagicError:
            raise
        except Exception as error:
            raise BatchError(
                f"`--metric {name}` cannot be computed for a batch ({type(error).__name__}: {error}). "
                "→ `--metric EXPR` that gives one number from `out` and `y`."
            ) from error
