"""The live view of a plain terminal: one line that follows the run, and the table of epochs."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.text import Text

from lr_magic.notebook.views.epoch_table import epoch_table_text
from lr_magic.pure.curve_reading.smoothing import smooth
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.picture.thinning import ThinnedCurve

if TYPE_CHECKING:
    from lr_magic.notebook.views.step_count import StepCount
    from lr_magic.pure.results.fit_event import FitEvent
    from lr_magic.pure.results.records import EpochRecord, StepRecord

_BLOCKS = "▁▂▃▄▅▆▇█"
_REDRAWS_PER_S = 10


class TerminalView:
    """A live line for both kinds of run: a small curve of the smoothed loss, progress, rate and loss.

    Parameters
    ----------
    count
        Counts the steps.
    """

    def __init__(self, count: StepCount) -> None:
        self._count = count
        self._curve = ThinnedCurve(max_buckets=60)
        self._last: StepRecord | None = None
        self._epochs: list[EpochRecord] = []
        self._started = perf_counter()
        self._console = Console()
        # rich redraws from a thread of its own at this pace and asks for the text: a step costs nothing here
        self._live = Live(
            get_renderable=self._text, console=self._console, refresh_per_second=_REDRAWS_PER_S, transient=True
        )
        self._live.start()

    def on_step(self, record: StepRecord) -> None:
        """Take one step."""
        if self._count.take(record):
            self._curve = ThinnedCurve(max_buckets=60)
        self._curve.append(record.loss)
        self._last = record

    def on_epoch(self, record: EpochRecord) -> None:
        """Take one finished epoch."""
        self._epochs.append(record)

    def on_event(self, event: FitEvent) -> None:
        """Take what was done to the training."""
        self._console.print(f"step {event.step:,}: {event.sentence}", highlight=False, markup=False)

    def finish(self, summary: str) -> None:
        """Replace the live line by what the run says in the end."""
        self._live.stop()
        self._console.print(summary, highlight=False, markup=False)

    def _text(self) -> Text:
        progress = self._count.progress(perf_counter() - self._started)
        line = progress.text
        if self._last is not None:
            curve = spark_line(smooth(self._curve.means))
            line = f"{curve}  {line} · lr {lr_text(self._last.lr)} · loss {self._last.loss:.4g}"
        table = epoch_table_text(self._epochs)
        return Text(f"{table}\n{line}" if table else line, no_wrap=True, overflow="ellipsis")


def spark_line(values: np.ndarray) -> str:
    """Draw values as a line of block characters, lowest to highest; gaps where they are not finite.

    Examples
    --------
    >>> spark_line(np.array([0.0, 1.0, 0.5]))
    '▁█▅'
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ""
    low, span = finite.min(), np.ptp(finite) or 1.0
    return "".join(_BLOCKS[round(7 * (value - low) / span)] if np.isfinite(value) else " " for value in values)
