"""The words under the plot: what is chosen, what it means, what to type next, and what the curve says."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from lr_magic.notebook.views.explained_terms import reading_html
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.results.range_test_result import PLANNED_EPOCHS

if TYPE_CHECKING:
    from lr_magic.pure.results.range_test_result import RangeTestResult


def readout_html(result: RangeTestResult) -> str:
    """Say it all, a line each."""
    lines = [_choice_line(result)]
    lines.append(reading_html(result.sentences))
    if result.receipt:
        lines.append(f'<span style="opacity:0.65">{escape(result.receipt)}</span>')
    return f'<div style="line-height:1.5;max-width:60em" aria-live="polite">{"<br>".join(lines)}</div>'


def fit_command(result: RangeTestResult) -> str:
    """The command that trains with what is chosen, without a click; empty where nothing is."""
    lr_range = result.lr_range if result.is_chosen else result.proposed_range
    if lr_range is not None:
        low, high = (lr_text(lr, digits=3) for lr in lr_range)
        return f"%fit_one_cycle {PLANNED_EPOCHS} --max-lr {low}:{high}"
    return "" if result.lr is None else command_at(result.lr)


def command_at(lr: float) -> str:
    """The command that trains at a rate."""
    return f"%fit_one_cycle {PLANNED_EPOCHS} --max-lr {lr_text(lr, digits=3)}"


def _choice_line(result: RangeTestResult) -> str:
    if result.lr_range is not None:
        low, high = (lr_text(lr) for lr in result.lr_range)
        return f"<b>Chosen: {low} to {high}</b>: first layers train at {low}, last layers at {high}."
    if result.lr is None:
        reason = "" if result.is_reason_read else f" {escape(result.no_suggestion_reason)}"
        return f"<b>No suggestion.</b>{reason} Click the curve to choose yourself."
    if result.is_chosen:
        return f"<b>Chosen: lr {lr_text(result.lr)}</b>, {_place(result, result.lr)}."
    place = _place(result, result.lr)
    return f"<b>Suggested: lr {lr_text(result.lr)}</b>, {place}. Click the curve to choose another one."


def _place(result: RangeTestResult, lr: float) -> str:
    if not result.covers(lr):
        return "outside the rates that were swept"
    words = f"loss there {result.loss_at(lr):.4g}"
    if result.blow_up_lr is not None and lr < result.blow_up_lr:
        words += f", {_ratio_text(result.blow_up_lr / lr)} times below the blow-up"
    return words


def _ratio_text(ratio: float) -> str:
    """Two digits that count, without an exponent: 1.7, 26, 130, 59,000."""
    return f"{float(f'{ratio:.2g}'):,.10g}"
