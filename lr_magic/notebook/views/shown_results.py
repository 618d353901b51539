"""A result that its own cell has just shown is not shown again below it; later it is shown as a picture with words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.notebook.views.saved_picture import display_picture
from lr_magic.notebook.views.summary import comparison_summary, fit_summary, range_test_summary
from lr_magic.pure.results.comparison_result import ComparisonResult
from lr_magic.pure.results.fit_history import FitHistory
from lr_magic.pure.results.range_test_result import RangeTestResult

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class ShownResults:
    """How a kernel displays results: teaches the shell on `install`, takes it back on `remove`."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._shown: tuple[object, int] | None = None

    def remember(self, result: object) -> None:
        """Note that the running cell has shown this result."""
        self._shown = (result, self._shell.execution_count)

    def install(self) -> None:
        """Display results in this way from now on."""
        formatter = self._shell.display_formatter.ipython_display_formatter
        formatter.for_type(RangeTestResult, self._display_range_test)
        formatter.for_type(FitHistory, self._display_fit)
        formatter.for_type(ComparisonResult, self._display_comparison)

    def remove(self) -> None:
        """Display results as any other object from now on."""
        formatter = self._shell.display_formatter.ipython_display_formatter
        for result_type in (RangeTestResult, FitHistory, ComparisonResult):
            formatter.type_printers.pop(result_type, None)

    def _display_range_test(self, result: RangeTestResult) -> None:
        if not self._is_shown(result):
            display_picture(result.plot(), range_test_summary(result))

    def _display_fit(self, history: FitHistory) -> None:
        if not self._is_shown(history):
            display_picture(history.plot(), fit_summary(history))

    def _display_comparison(self, result: ComparisonResult) -> None:
        if not self._is_shown(result):
            display_picture(result.plot(), comparison_summary(result))

    def _is_shown(self, result: object) -> bool:
        return self._shown is not None and self._shown[0] is result and self._shown[1] == self._shell.execution_count
