"""The magics: parse, discover, run, show; no number is computed here."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class

from lr_magic.notebook.between_cells import BetweenCells
from lr_magic.notebook.dry_run import show_preview
from lr_magic.notebook.find_training import TypedMagic, find_training
from lr_magic.notebook.fit_undo import UndoSlot
from lr_magic.notebook.runs import run_one_cycle, run_range_test
from lr_magic.notebook.settings.arguments import CYCLE_ARGUMENTS, SWEEP_ARGUMENTS, parse_with_clause, with_arguments
from lr_magic.notebook.settings.configured import ConfiguredDefaults
from lr_magic.notebook.settings.cycle_settings import cycle_settings, resumed_settings
from lr_magic.notebook.settings.session_settings import history_before, session_settings, training_to_resume
from lr_magic.notebook.settings.sweep_settings import sweep_settings
from lr_magic.notebook.views.shown_results import ShownResults
from lr_magic.notebook.zoom import Zoom
from lr_magic.pure.errors import LrMagicError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from IPython.core.interactiveshell import InteractiveShell

    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.pure.results.range_test_result import RangeTestResult


@magics_class
class LrMagics(ConfiguredDefaults, Magics):
    """`%lr_find` and `%fit_one_cycle`, and the defaults of their options."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.shown = ShownResults(shell)
        self.undo = UndoSlot()
        self.sweeps: list[tuple[str, RangeTestResult]] = []
        self.between_cells = BetweenCells(shell)

    @with_arguments(SWEEP_ARGUMENTS)
    @line_cell_magic
    def lr_find(self, line: str, cell: str | None = None) -> RangeTestResult:
        """Find a learning rate: sweep it over a short mock training, watch the loss, click; everything is put back.

        The sweep chooses its own rates: large strides from 1e-6 while the loss does not move, fine ones from there on,
        until it blows up. Giving ``--start-lr``, ``--end-lr``, ``--num-steps``, ``--batches-per-lr``, ``--linear``,
        ``--seconds`` or ``--no-stop`` makes it a plain one: 100 steps from 1e-7 to 10 where not said otherwise.

        Three forms:

        - ``%lr_find`` finds model, data, loss and optimizer in the notebook.
        - ``%%lr_find for images, labels in train_loader`` with the inside of that loop as the cell's body.
        - ``%%lr_find`` above a whole training cell, which is run as it stands with its optimizer's steps intercepted.
        """
        with one_line_errors():
            namespace = self.shell.user_ns
            options, for_clause = parse_with_clause(self.lr_find, line)
            settings = sweep_settings(options, self, namespace)
            find = partial(find_training, self.shell, options, TypedMagic(line, for_clause, cell), magic="lr_find")
            result = run_range_test(
                self.shell,
                find(),
                settings,
                is_live=not options.no_live,
                with_sharpness=options.sharpness,
                earlier=self.sweeps if options.overlay else (),
                zoom=lambda live, finish: Zoom(find, settings, live, self.between_cells, finish),
            )
        self.sweeps.append((f"In [{self.shell.execution_count}]", result))
        self.shown.remember(result)
        return result

    @with_arguments(CYCLE_ARGUMENTS)
    @line_cell_magic
    def fit_one_cycle(self, line: str, cell: str | None = None) -> FitHistory | None:
        """Train with a one-cycle schedule, live, at the rate chosen with %lr_find or given with --max-lr.

        Three forms, as with ``%lr_find``: a line, a line ending in a ``for`` clause with the loop's inside as the
        body, or a whole training cell.
        """
        with one_line_errors():
            namespace = self.shell.user_ns
            options, for_clause = parse_with_clause(self.fit_one_cycle, line)
            training = find_training(self.shell, options, TypedMagic(line, for_clause, cell), magic="fit_one_cycle")
            if options.resume:
                resume = training_to_resume(options, namespace)
                settings = resumed_settings(history_before(resume).settings, session_settings(options, namespace))
            else:
                resume = None
                settings = cycle_settings(options, self, namespace, training)
            if options.dry_run:
                show_preview(training, settings)
                return None
            history = run_one_cycle(
                self.shell, training, settings, is_live=not options.no_live, resume=resume, undo=self.undo
            )
        self.shown.remember(history)
        return history


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn our own errors into IPython's UsageError, which prints as one line; a subclass would print a traceback."""
    try:
        yield
    except LrMagicError as error:
        raise UsageError(str(error)) from None
