"""The magics of a fine-tuning session besides finding and fitting: freeze, unfreeze, undo."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.display import display

from lr_magic.notebook.completion import layer_names
from lr_magic.notebook.discovery.candidates import collect
from lr_magic.notebook.discovery.cell_history import CellHistory
from lr_magic.notebook.discovery.request import DiscoveryRequest
from lr_magic.notebook.discovery.wiring import wire
from lr_magic.notebook.find_training import cell_history
from lr_magic.notebook.fit_undo import UndoSlot
from lr_magic.notebook.magics import one_line_errors
from lr_magic.notebook.settings.arguments import FREEZE_ARGUMENTS, UNFREEZE_ARGUMENTS, parse, with_arguments
from lr_magic.notebook.settings.values import evaluate
from lr_magic.notebook.views.layer_table_view import layer_table
from lr_magic.pure.errors import LrMagicError
from lr_magic.training.layers.freezing import FreezeOutcome, freeze, unfreeze

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


@magics_class
class LayerMagics(Magics):
    """`%freeze`, `%unfreeze` and `%fit_undo`."""

    def __init__(self, shell: InteractiveShell, undo: UndoSlot | None = None) -> None:
        super().__init__(shell)
        self._undo = UndoSlot() if undo is None else undo

    @with_arguments(FREEZE_ARGUMENTS)
    @line_magic
    def freeze(self, line: str) -> None:
        """Freeze layers: all but the head, all but the last N groups, or those that are named.

        Frozen is frozen: a batch norm in a frozen layer keeps its running statistics, too, and uses them.
        """
        with one_line_errors():
            options = parse(self.freeze, line)
            last, names = _layers(options.layers)
            model, optimizer = self._wiring(options, "freeze")
            outcome = freeze(
                model,
                optimizer,
                last=last,
                names=names,
                groups=self._groups(options),
                train_batch_norm=options.train_bn,
            )
        _show(outcome)

    @with_arguments(UNFREEZE_ARGUMENTS)
    @line_magic
    def unfreeze(self, line: str) -> None:
        """Train again what %freeze has frozen; where it has frozen nothing, train all layers."""
        with one_line_errors():
            options = parse(self.unfreeze, line)
            model, optimizer = self._wiring(options, "unfreeze")
            outcome = unfreeze(model, optimizer, names=options.layers, groups=self._groups(options))
        _show(outcome)

    @with_arguments()
    @line_magic
    def fit_undo(self, line: str) -> None:
        """Undo the last %fit_one_cycle: weights, buffers and the optimizer's state are as before it.

        A training that was interrupted and went on with --resume is undone as one.
        """
        with one_line_errors():
            parse(self.fit_undo, line)
            print(self._undo.undo())  # noqa: T201 - one line, in a notebook as in a terminal
            history = self.shell.user_ns.get("fit_history")
            if history is not None and hasattr(history, "resume_point"):
                history.resume_point = None

    def layer_names(self, line: str, typed: str) -> list[str]:
        """Names that may follow `%freeze` and `%unfreeze`: layers of the model that they would find."""
        words = line.split()
        if words[0] == "%fit_undo":
            return []
        given = words[words.index("--model") + 1] if "--model" in words[:-1] else None
        try:
            model, _ = self._wiring(Namespace(model=given, optimizer=None), "freeze")
        except LrMagicError:
            return []
        return layer_names(model, typed)

    def _wiring(self, options: Namespace, magic: str) -> tuple[Any, Any]:
        """Model and optimizer, as `%lr_find` finds them."""
        namespace = self.shell.user_ns
        request = DiscoveryRequest(model=options.model, optimizer=options.optimizer, magic=magic)
        wiring = wire(collect(namespace), request, namespace, CellHistory(cell_history(self.shell)))
        return wiring.model.value, None if wiring.optimizer is None else wiring.optimizer.value

    def _groups(self, options: Namespace) -> Any:
        if options.groups is None:
            return None
        return evaluate(options.groups, self.shell.user_ns, "--groups")


def _layers(words: list[str]) -> tuple[int | None, list[str]]:
    """N, or names: one number alone is N."""
    if len(words) == 1 and words[0].isdigit():
        return int(words[0]), []
    return None, words


def _show(outcome: FreezeOutcome) -> None:
    display(layer_table(outcome.rows, outcome.notes), raw=True)
