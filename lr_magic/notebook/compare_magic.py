"""`%lr_compare`: if you are not sure, try them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from IPython.core.magic import Magics, line_magic, magics_class

from lr_magic.notebook.discovery import discover
from lr_magic.notebook.find_training import cell_history, discovery_request
from lr_magic.notebook.magics import one_line_errors
from lr_magic.notebook.runs import partial_result_to
from lr_magic.notebook.settings.arguments import COMPARISON_ARGUMENTS, parse, with_arguments
from lr_magic.notebook.settings.values import real_number, whole_number
from lr_magic.notebook.views.comparison_screens import comparison_screen
from lr_magic.notebook.views.screen_choice import run_control
from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.choice_origin import ChoiceOrigin
from lr_magic.pure.results.range_test_result import RangeTestResult
from lr_magic.training.cycle.cycle_length import planned_steps, steps_per_epoch
from lr_magic.training.probing.comparison import compare

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell

    from lr_magic.notebook.discovery import Discovered
    from lr_magic.notebook.views.shown_results import ShownResults
    from lr_magic.pure.results.comparison_result import ComparisonResult
    from lr_magic.training.setup import TrainingSetup

# A trial of a quarter of the training tells best for its cost (measured, see docs/suggestion.md).
_TRIAL_SHARE = 4


@magics_class
class CompareMagics(Magics):
    """`%lr_compare`.

    Parameters
    ----------
    shell
        The shell that the magic is for.
    shown
        Told of a result that the running cell has shown.
    """

    def __init__(self, shell: InteractiveShell, shown: ShownResults) -> None:
        super().__init__(shell)
        self._shown = shown

    @with_arguments(COMPARISON_ARGUMENTS)
    @line_magic
    def lr_compare(self, line: str) -> ComparisonResult:
        """Train shortly at each rate, from the same state on the same batches, and say which one to take.

        Everything is put back afterwards; the winner becomes the choice, `lr_found.lr`.
        """
        with one_line_errors():
            namespace = self.shell.user_ns
            options = parse(self.lr_compare, line)
            request = discovery_request(options, namespace, magic="lr_compare")
            found = discover(namespace, request, cell_history(self.shell))
            training_steps, steps = _lengths(options, namespace, found.setup)
            lrs = _rates(options, namespace, training_steps)
            result = self._run(found, lrs, steps, training_steps, is_live=not options.no_live)
        self._shown.remember(result)
        if result.lr is not None:
            choose(namespace, result.lr)
        return result

    def _run(
        self, found: Discovered, lrs: list[float], steps: int, training_steps: int | None, *, is_live: bool
    ) -> ComparisonResult:
        with run_control(self.shell) as control:
            screen = comparison_screen(self.shell, found.findings, steps, control, is_live=is_live)
            with partial_result_to(screen.finish):
                result = compare(
                    found.setup,
                    lrs,
                    steps=steps,
                    training_steps=training_steps,
                    on_step=screen.on_step,
                    on_trial=screen.on_trial,
                    control=control,
                )
        screen.finish(result)
        return result


def choose(namespace: dict[str, Any], lr: float) -> None:
    """Make the winner the choice that the next training uses."""
    found = namespace.get("lr_found")
    if not isinstance(found, RangeTestResult):
        found = namespace["lr_found"] = RangeTestResult(np.array([]), np.array([]))
    found.choose(lr, ChoiceOrigin.COMPARISON)


def _rates(options: Namespace, namespace: Mapping[str, Any], training_steps: int | None) -> list[float]:
    """Rates that were typed, else the choice, else the suggestion for the training to come."""
    lrs = [real_number(text, namespace, "LR") for text in options.lrs]
    found = namespace.get("lr_found")
    if not lrs and isinstance(found, RangeTestResult) and found.lr is not None:
        suggested = found.suggestion_for(training_steps)
        lrs = [found.lr if found.is_chosen or suggested is None else suggested]
    if not lrs:
        raise SettingError("Which rates? Run %lr_find first, or give some: %lr_compare 1e-3 1e-2")
    return lrs


def _lengths(options: Namespace, namespace: Mapping[str, Any], setup: TrainingSetup) -> tuple[int | None, int]:
    """Length of the training to come (None where a loader without a length leaves it open), and of a trial."""
    epochs = 5 if options.epochs is None else whole_number(options.epochs, namespace, "--epochs")
    steps = None if options.steps is None else whole_number(options.steps, namespace, "--steps")
    if steps is not None and options.epochs is None and steps_per_epoch(setup) is None:
        return None, steps
    training_steps = planned_steps(setup, epochs=epochs)
    return training_steps, max(training_steps // _TRIAL_SHARE, 1) if steps is None else steps
