"""A body run on one batch, in the notebook, with names of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.body.parsing import ITEM, RAN_THROUGH
from lr_magic.notebook.body.scalars import LOSS

if TYPE_CHECKING:
    from types import CodeType

    from lr_magic.notebook.body.carried_names import CarriedNames


@dataclass
class BodyCode:
    """A compiled body with what is known about it.

    Attributes
    ----------
    code
        Assigns `ITEM` to the clause's target and runs the body.
    metric_names
        Names of the body that are followed as metrics.
    goes_backward
        The body calls `backward` itself, so a batch in which it does not is passed over.
    magic
        For the way out that a question ends in.
    """

    code: CodeType
    metric_names: frozenset[str]
    goes_backward: bool
    magic: str


class BodyRun:
    """Runs a body in the notebook, batch by batch, with names of its own.

    Attributes
    ----------
    has_broken_off
        The last batch ended with `break`.
    """

    def __init__(self, body: BodyCode, names: CarriedNames) -> None:
        self.body = body
        self._names = names
        self.has_broken_off = False

    def run(self, item: Any) -> tuple[Any, dict[str, Any]]:
        """Run the body on a batch; return its `loss` and its metrics, where this batch assigned them."""
        namespace = self._names.namespace
        with self._names:
            before = {name: namespace.get(name) for name in (LOSS, *self.body.metric_names)}
            namespace[ITEM] = item
            try:
                exec(self.body.code, namespace)  # noqa: S102 - the person's own code, in their own notebook
                self.has_broken_off = not namespace.pop(RAN_THROUGH, False)
            finally:
                namespace.pop(ITEM, None)
                namespace.pop(RAN_THROUGH, None)
            fresh = {name: namespace.get(name) for name in before if namespace.get(name) is not before[name]}
        loss = fresh.pop(LOSS, None)
        return loss, {name: value for name, value in fresh.items() if value is not None}

    def forget(self) -> None:
        """Begin anew with the notebook's own values."""
        self._names.forget()
