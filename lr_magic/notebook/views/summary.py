"""What a finished run says in plain text: for terminals, logs and readers without pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.notebook.views.epoch_table import epoch_table_text
from lr_magic.notebook.views.readout import command_at, fit_command
from lr_magic.pure.counted import counted
from lr_magic.pure.picture.lr_text import lr_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.pure.results.comparison_result import ComparisonResult, Trial
    from lr_magic.pure.results.finding import Finding
    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.pure.results.range_test_result import RangeTestResult


def range_test_summary(result: RangeTestResult) -> str:
    """Suggestion or choice, how the sweep ended, what the curve says, what to type next."""
    lines = [f"Range test: {counted(len(result.lrs), 'step')}, {_ending(result)}."]
    if result.lr is None:
        lines.append("No suggestion." if result.is_reason_read else f"No suggestion: {result.no_suggestion_reason}")
    else:
        what = "Chosen" if result.is_chosen else "Suggested"
        interval = "" if result.is_chosen or result.interval is None else _interval_text(result.interval)
        lines.append(f"{what} lr: {lr_text(result.lr, digits=3)}{interval}")
    lines.append(result.reading)
    if result.receipt:
        lines.append(result.receipt)
    command = fit_command(result)
    if command:
        lines.append(f"Train with it: {command}")
    return "\n".join(line for line in lines if line)


def fit_summary(history: FitHistory) -> str:
    """How the training ended, and its table of epochs."""
    length = counted(len(history.steps), "step")
    return f"One-cycle training: {length}, {_ending(history)}.\n{epoch_table_text(history.epochs)}"


def comparison_summary(result: ComparisonResult) -> str:
    """How each trial ended, and the verdict."""
    return "\n".join([*map(trial_text, result.trials), verdict_text(result)])


def verdict_text(result: ComparisonResult) -> str:
    """Which rate to take, what was put back, what to type next."""
    lines = [result.sentence, result.receipt]
    if result.lr is not None:
        lines.append(f"Train with it: {command_at(result.lr)}")
    return "\n".join(line for line in lines if line)


def trial_text(trial: Trial) -> str:
    """Say how a trial ended, in a line."""
    return f"lr {lr_text(trial.lr)}: final loss {trial.final_loss:.4g}, {trial.stop_reason.sentence}"


def _interval_text(interval: tuple[float, float]) -> str:
    return f" (between {lr_text(interval[0])} and {lr_text(interval[1])})"


def _ending(outcome: RangeTestResult | FitHistory) -> str:
    sentence = outcome.stop_reason.sentence if outcome.stop_reason else "running"
    return f"{sentence} ({outcome.stop_detail})" if outcome.stop_detail else sentence


def findings_text(findings: Sequence[Finding]) -> str:
    """What was found, one aligned line each; guesses are marked."""
    name_width = max((len(finding.name) for finding in findings), default=0)
    return "\n".join(
        f"  {finding.role:<10}{finding.name:<{name_width}}  {finding.description}"
        f"{'  (assumed)' if finding.is_guess else ''}"
        for finding in findings
    )
