"""The line above a live plot: how far, how fast, how long still."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from lr_magic.pure.picture import palette

if TYPE_CHECKING:
    from lr_magic.pure.results.fit_history import FitHistory
    from lr_magic.pure.results.range_test_result import RangeTestResult


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes
    ----------
    done, total
        Steps; `total` is None where the length is not known.
    elapsed_s
        Seconds since the first step began.
    is_at_most
        Whether the run may end before `total`.
    """

    done: int
    total: int | None
    elapsed_s: float
    is_at_most: bool = False

    @property
    def fraction(self) -> float:
        """Part of the run that is done, 0 to 1; 0 where the length is not known."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    @property
    def text(self) -> str:
        """Steps, speed and time left in words."""
        if not self.done:
            return "starting"
        at_most = "at most " if self.is_at_most else ""
        of = f" of {at_most}{self.total:,}" if self.total else ""
        parts = [f"step {self.done:,}{of}", speed(self.done / max(self.elapsed_s, 1e-9))]
        if self.total and self.done < self.total:
            parts.append(f"{at_most}{duration(self.elapsed_s / self.done * (self.total - self.done))} left")
        return " · ".join(parts)


def speed(steps_per_s: float) -> str:
    """Speed in words.

    Examples
    --------
    >>> speed(123.4), speed(0.25)
    ('123 steps/s', '4.0 s/step')
    """
    return f"{steps_per_s:.0f} steps/s" if steps_per_s >= 2 else f"{1 / steps_per_s:.1f} s/step"


def duration(seconds: float) -> str:
    """Duration in words.

    Examples
    --------
    >>> duration(7.2), duration(61), duration(4000)
    ('7 s', '1 min 1 s', '1 h 6 min')
    """
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole} s"


def progress_html(progress: Progress, text: str) -> str:
    """Draw a thin bar with a line of text above it; `text` is HTML."""
    percent = 100 * progress.fraction
    return (
        f'<div style="line-height:1.4"><div style="font-variant-numeric:tabular-nums">{text}</div>'
        '<div style="height:3px;background:#8883;border-radius:2px" role="progressbar" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent:.0f}">'
        f'<div style="height:3px;width:{percent:.1f}%;background:{palette.LOSS};border-radius:2px"></div></div></div>'
    )


def ending_html(title: str, length: str, outcome: RangeTestResult | FitHistory) -> str:
    """Say how a run ended."""
    sentence = outcome.stop_reason.sentence if outcome.stop_reason else "running"
    detail = f": {outcome.stop_detail}" if outcome.stop_detail else ""
    return f"<b>{title}</b> · {length} · {escape(sentence + detail)}"
