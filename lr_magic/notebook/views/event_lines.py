"""What was done to a training, a line of words each: the latest, and how many came before them."""

from __future__ import annotations

from collections import deque
from html import escape
from typing import TYPE_CHECKING

from ipywidgets import HTML

if TYPE_CHECKING:
    from lr_magic.pure.results.fit_event import FitEvent

_MAX_LINES = 10


class EventLines:
    """Lines below a plot that stay few, however long a training is steered or blows up."""

    def __init__(self) -> None:
        self.widget = HTML()
        self._latest: deque[FitEvent] = deque(maxlen=_MAX_LINES)
        self._num_earlier = 0

    def append(self, event: FitEvent) -> None:
        """Add a line; the oldest makes room for it."""
        self._num_earlier += len(self._latest) == _MAX_LINES
        self._latest.append(event)
        lines = [f"step {each.step:,}: {escape(each.sentence)}" for each in self._latest]
        if self._num_earlier:
            lines.insert(0, f"{self._num_earlier:,} before these (all in fit_history.events)")
        self.widget.value = "".join(f'<div style="line-height:1.5">{line}</div>' for line in lines)
