"""What a step hands to its criterion: the output and the target that a metric by name compares."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from torch import nn

from lr_magic.notebook.discovery.loss_kind import is_torch_loss

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import CodeType


def criteria_of(code: CodeType, names: Mapping[str, Any]) -> tuple[nn.Module, ...]:
    """Criteria of torch, as modules, that code reads under a name of its own."""
    values = [names.get(name) for name in code.co_names]
    return tuple(value for value in values if isinstance(value, nn.Module) and is_torch_loss(value))


@contextmanager
def calls_of(criteria: Sequence[nn.Module]) -> Iterator[list[tuple[Any, Any]]]:
    """Note output and target of each call of a criterion while the context is open."""
    calls: list[tuple[Any, Any]] = []

    def note(_module: nn.Module, args: tuple[Any, ...], _loss: Any) -> None:
        if len(args) == 2:
            calls.append((args[0], args[1]))

    with ExitStack() as stack:
        for criterion in criteria:
            stack.enter_context(_removed(criterion.register_forward_hook(note)))
        yield calls


@contextmanager
def _removed(handle: Any) -> Iterator[None]:
    try:
        yield
    finally:
        handle.remove()
