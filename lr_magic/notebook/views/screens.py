"""Where a run is shown: a notebook (widget, then a picture), a terminal (live line, then text), or a picture alone."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import TYPE_CHECKING, Protocol

from IPython.display import HTML, display

from lr_magic.notebook.views.explained_terms import explanations_html
from lr_magic.notebook.views.saved_picture import REPORT_CLASS, STYLE, SavedPicture
from lr_magic.notebook.views.summary import findings_text, fit_summary, range_test_summary
from lr_magic.notebook.views.terminal_view import TerminalView
from lr_magic.pure.results.fit_history import FitHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from lr_magic.notebook.views.live_fit import LiveFit
    from lr_magic.notebook.views.live_range_test import LiveRangeTest
    from lr_magic.notebook.views.step_count import StepCount
    from lr_magic.pure.results.finding import Finding
    from lr_magic.pure.results.fit_event import FitEvent
    from lr_magic.pure.results.range_test_result import RangeTestResult
    from lr_magic.pure.results.records import EpochRecord, StepRecord


class RangeTestScreen(Protocol):
    """Shows one range test."""

    @property
    def on_step(self) -> Callable[[StepRecord], None]:
        """Takes one step."""

    def finish(self, result: RangeTestResult) -> None:
        """Show the end."""


class FitScreen(Protocol):
    """Shows one training."""

    @property
    def on_step(self) -> Callable[[StepRecord], None]:
        """Takes one step."""

    @property
    def on_epoch(self) -> Callable[[EpochRecord], None]:
        """Takes one epoch."""

    @property
    def on_event(self) -> Callable[[FitEvent], None]:
        """Takes what was done to the training."""

    def finish(self, history: FitHistory) -> None:
        """Show the end."""


class NotebookRangeTest:
    """The live widget of a range test between the report of what was found and the static picture."""

    def __init__(self, findings: Sequence[Finding], live: LiveRangeTest) -> None:
        self.live = live
        self.on_step = live.on_step
        self._picture: SavedPicture | None = None
        display(report(findings))
        display(live.widget)

    def finish(self, result: RangeTestResult) -> None:
        """Show the end, and a picture that stays in the saved notebook and follows the choice."""

        def plot() -> Figure:
            return result.plot(self.live.overlays.named)

        def update() -> None:
            if self._picture is not None:
                self._picture.update(plot(), *_words(result))

        self.live.finish(result)
        self.live.panel.on_choice = update
        if self._picture is None:
            self._picture = SavedPicture(plot(), *_words(result))
        else:
            update()


class NotebookFit:
    """The live widget of a training between the report of what was found and the static picture."""

    def __init__(self, findings: Sequence[Finding], live: LiveFit) -> None:
        self._live = live
        self.on_step = live.on_step
        self.on_epoch = live.on_epoch
        self.on_event = live.on_event
        display(report(findings))
        display(live.widget)

    def finish(self, history: FitHistory) -> None:
        """Show the end, and a picture that stays in the saved notebook."""
        self._live.finish(history)
        SavedPicture(history.plot(), *_words(history))


class TerminalRangeTest:
    """A live line, then the summary."""

    def __init__(self, findings: Sequence[Finding], count: StepCount) -> None:
        print(findings_text(findings))  # noqa: T201 - the terminal is the view
        self._live = TerminalView(count)
        self.on_step = self._live.on_step

    def finish(self, result: RangeTestResult) -> None:
        """Replace the line by the summary."""
        self._live.finish(range_test_summary(result))


class TerminalFit:
    """A live line under the growing table of epochs, then the summary."""

    def __init__(self, findings: Sequence[Finding], count: StepCount) -> None:
        print(findings_text(findings))  # noqa: T201 - the terminal is the view
        self._live = TerminalView(count)
        self.on_step = self._live.on_step
        self.on_epoch = self._live.on_epoch
        self.on_event = self._live.on_event

    def finish(self, history: FitHistory) -> None:
        """Replace the line by the summary."""
        self._live.finish(fit_summary(history))


class QuietScreen:
    """Nothing during the run; the picture and its words in the end, or the words alone where no picture can be shown.

    Parameters
    ----------
    findings
        What was found.
    has_pictures
        Whether a picture can be shown.
    earlier
        Sweeps to draw in the picture of a range test, each with its name.
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        *,
        has_pictures: bool,
        earlier: Sequence[tuple[str, RangeTestResult]] = (),
    ) -> None:
        self._findings = findings
        self._earlier = earlier
        self._has_pictures = has_pictures

    def on_step(self, record: StepRecord) -> None:
        """Show nothing."""

    def on_epoch(self, record: EpochRecord) -> None:
        """Show nothing."""

    def on_event(self, event: FitEvent) -> None:
        """Show nothing."""

    def finish(self, outcome: RangeTestResult | FitHistory) -> None:
        """Show the end."""
        display(report(self._findings))
        plot = outcome.plot if isinstance(outcome, FitHistory) else partial(outcome.plot, self._earlier)
        show_end(plot, *_words(outcome), has_pictures=self._has_pictures)


def show_end(plot: Callable[[], Figure], summary: str, more_html: str = "", *, has_pictures: bool) -> None:
    """Show the picture of a finished run and its words, or the words alone where no picture can be shown."""
    if has_pictures:
        SavedPicture(plot(), summary, more_html)
    else:
        print(summary)  # noqa: T201 - the terminal is the view


def _words(outcome: RangeTestResult | FitHistory) -> tuple[str, str]:
    """What a finished run says as text, and what belongs below that as HTML."""
    if isinstance(outcome, FitHistory):
        return fit_summary(outcome), ""
    return range_test_summary(outcome), explanations_html(outcome.sentences)


def report(findings: Sequence[Finding]) -> HTML:
    """What was found, as HTML with its text beside it."""
    cells = "".join(_finding_cells(finding) for finding in findings)
    grid = "display:grid;grid-template-columns:max-content max-content 1fr;column-gap:1.2em;line-height:1.5"
    html = f'{STYLE}<div class="{REPORT_CLASS}" style="{grid}">{cells}</div>'
    return _HtmlWithText(html, findings_text(findings))


class _HtmlWithText(HTML):
    """HTML that also says its content in plain text."""

    def __init__(self, html: str, text: str) -> None:
        super().__init__(html)
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _finding_cells(finding: Finding) -> str:
    mark = " <i>(assumed)</i>" if finding.is_guess else ""
    role = f'<span style="opacity:0.65">{escape(finding.role)}</span>'
    return f"{role}<b>{escape(finding.name)}</b><span>{escape(finding.description)}{mark}</span>"
