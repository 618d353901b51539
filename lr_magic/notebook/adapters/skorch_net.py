"""skorch: an initialized net with the data of its last ``fit``, or a pair of tensors of the notebook."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.adapters.assembled import FrameworkParts, assembled
from lr_magic.notebook.discovery import questions
from lr_magic.notebook.discovery.attempts import Failure, attempt
from lr_magic.notebook.discovery.candidates import Candidate
from lr_magic.notebook.discovery.tensor_pair import named_pair
from lr_magic.notebook.discovery.typed_line import cell_magic
from lr_magic.pure.errors import DiscoveryError
from lr_magic.training.setup import BatchOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lr_magic.notebook.adapters.notebook import Notebook
    from lr_magic.notebook.discovery.request import Discovered


def find(notebook: Notebook) -> Discovered | None:
    """Find the net that was made last."""
    found = notebook.latest(sys.modules["skorch"].NeuralNet)
    if found is None:
        return None
    net, magic = found.value, notebook.request.magic
    if not getattr(net, "initialized_", False):
        raise DiscoveryError(f"`{found.name}` has no weights yet. → `{found.name}.initialize()`, then `%{magic}`.")
    train, valid = _loaders(found, notebook)
    return assembled(
        FrameworkParts(
            name=found.name,
            model=net.module_,
            optimizer=net.optimizer_,
            optimizer_name=f"{found.name}.optimizer_",
            train=train,
            valid=valid,
            compute_loss=SkorchStep(net),
            step=f"{found.name}.get_loss({found.name}.infer(x), y)",
            notes=("the net's callbacks are not run",),
        ),
        notebook,
    )


def _loaders(found: Candidate, notebook: Notebook) -> tuple[Candidate, Candidate | None]:
    """Split the data as the net's ``fit`` would, and go over it as the net would."""
    net, data = found.value, _data(found, notebook)
    if data is None:
        raise questions.no_train_loader(notebook.request.magic)
    (x_name, x), (y_name, y) = data
    split = attempt(lambda: net.get_split_datasets(x, y))
    if isinstance(split, Failure):
        raise DiscoveryError(
            f"`{found.name}` cannot split ({x_name}, {y_name}): {split.reason}. "
            f"→ `{cell_magic(notebook.request.magic)}` above `{found.name}.fit(…)`."
        )
    train, valid = split
    named = Candidate(net.get_iterator(train, training=True), (f"({x_name}, {y_name})",))
    if valid is None:
        return named, None
    return named, Candidate(net.get_iterator(valid, training=False), (f"the net's split of {x_name}",))


def _data(found: Candidate, notebook: Notebook) -> tuple[tuple[str, Any], tuple[str, Any]] | None:
    for call in _fit_calls(found.name, notebook):
        names = [ast.unparse(argument) for argument in call.args[:2]]
        values = [attempt(lambda name=name: notebook.typed(name, "--train")) for name in names]  # type: ignore[misc]
        if len(values) == 2 and not any(isinstance(value, Failure) for value in values):
            return (names[0], values[0]), (names[1], values[1])
    return named_pair(notebook.candidates.tensors, notebook.history)


def _fit_calls(name: str, notebook: Notebook) -> Iterator[ast.Call]:
    for method in ("fit", "partial_fit"):
        yield from (call for _, call in notebook.history.calls(f"{name}.{method}"))


class SkorchStep:
    """``infer`` and ``get_loss`` of a net."""

    def __init__(self, net: Any) -> None:
        self._net = net

    def __call__(self, batch: Any) -> BatchOutcome:
        """Compute the loss of a batch."""
        x, y = batch
        output = self._net.infer(x)
        return BatchOutcome(self._net.get_loss(output, y, X=x, training=self._net.module_.training))
