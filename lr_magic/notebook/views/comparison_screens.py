"""Where a comparison is shown: a notebook (widget, then a picture), a terminal (live lines), or a picture alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from IPython.display import display

from lr_magic.notebook.views.live_comparison import LiveComparison
from lr_magic.notebook.views.saved_picture import SavedPicture
from lr_magic.notebook.views.screen_choice import is_kernel
from lr_magic.notebook.views.screens import report, show_end
from lr_magic.notebook.views.step_count import StepCount
from lr_magic.notebook.views.summary import comparison_summary, findings_text, trial_text, verdict_text
from lr_magic.notebook.views.terminal_view import TerminalView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from lr_magic.pure.control import RunControl
    from lr_magic.pure.results.comparison_result import ComparisonResult, Trial
    from lr_magic.pure.results.finding import Finding
    from lr_magic.pure.results.records import StepRecord


class ComparisonScreen(Protocol):
    """Shows one comparison."""

    def on_step(self, lr: float, record: StepRecord) -> None:
        """Take one step of the trial at a rate."""

    def on_trial(self, trial: Trial) -> None:
        """Take a finished trial."""

    def finish(self, result: ComparisonResult) -> None:
        """Show the end."""


class NotebookComparison:
    """The live widget of a comparison between the report of what was found and the static picture."""

    def __init__(self, findings: Sequence[Finding], live: LiveComparison) -> None:
        self._live = live
        self.on_step = live.on_step
        self.on_trial = live.on_trial
        display(report(findings))
        display(live.widget)

    def finish(self, result: ComparisonResult) -> None:
        """Show the verdict, and a picture that stays in the saved notebook."""
        self._live.finish(result)
        SavedPicture(result.plot(), comparison_summary(result))


class TerminalComparison:
    """A live line per trial, replaced by how it ended; then the verdict.

    Parameters
    ----------
    findings
        What was found.
    num_steps
        Length of each trial.
    """

    def __init__(self, findings: Sequence[Finding], num_steps: int) -> None:
        print(findings_text(findings))  # noqa: T201 - the terminal is the view
        self._num_steps = num_steps
        self._trial: TerminalView | None = None

    def on_step(self, _lr: float, record: StepRecord) -> None:
        """Take one step of the trial at a rate."""
        if self._trial is None:
            self._trial = TerminalView(StepCount(self._num_steps))
        self._trial.on_step(record)

    def on_trial(self, trial: Trial) -> None:
        """Take a finished trial."""
        self._end_line(trial_text(trial))

    def finish(self, result: ComparisonResult) -> None:
        """Show the verdict."""
        self._end_line("")
        print(verdict_text(result))  # noqa: T201 - the terminal is the view

    def _end_line(self, text: str) -> None:
        if self._trial is not None:
            self._trial.finish(text)
            self._trial = None


class QuietComparison:
    """Nothing during the run; the picture and its words in the end, or the words alone where no picture can be shown.

    Parameters
    ----------
    findings
        What was found.
    has_pictures
        Whether a picture can be shown.
    """

    def __init__(self, findings: Sequence[Finding], *, has_pictures: bool) -> None:
        self._findings = findings
        self._has_pictures = has_pictures

    def on_step(self, lr: float, record: StepRecord) -> None:
        """Show nothing."""

    def on_trial(self, trial: Trial) -> None:
        """Show nothing."""

    def finish(self, result: ComparisonResult) -> None:
        """Show the end."""
        display(report(self._findings))
        show_end(result.plot, comparison_summary(result), has_pictures=self._has_pictures)


def comparison_screen(
    shell: InteractiveShell, findings: Sequence[Finding], num_steps: int, control: RunControl, *, is_live: bool
) -> ComparisonScreen:
    """Open the screen of a comparison whose trials have `num_steps` steps each."""
    if not is_live:
        return QuietComparison(findings, has_pictures=is_kernel(shell))
    if not is_kernel(shell):
        return TerminalComparison(findings, num_steps)
    return NotebookComparison(findings, LiveComparison(num_steps, control))
