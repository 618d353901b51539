"""A line that appears in a live view where clicks do not reach the kernel during the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
from traitlets import Bool, Unicode

from lr_magic.notebook.views.comm_delivery import deliver_during_runs


class DeliveryHint(anywidget.AnyWidget):
    """Finds out whether messages arrive during a run by sending one, whatever front end and kernel it is.

    The front end asks when the view is drawn; the answer comes from the handler here. Without one after a few seconds
    of the run the line appears; it goes once an answer comes or the run is over.
    """

    _esm = Path(__file__).with_name("delivery_hint.js")

    text = Unicode(
        "Clicks do not reach this run now: this front end and kernel hand them over when the cell has ended. "
        "The notebook's interrupt (the ■ button) ends the run as Stop would: what was measured is kept."
    ).tag(sync=True)
    """What the line says."""

    is_answered = Bool(default_value=False).tag(sync=True)
    """Whether a message of the front end has arrived."""

    is_over = Bool(default_value=False).tag(sync=True)
    """Whether the run is over."""

    def __init__(self) -> None:
        super().__init__()
        self.on_msg(self._answer)
        deliver_during_runs(self)

    def begin_again(self) -> None:
        """Another run begins: the front end asks anew."""
        self.is_answered = False
        self.is_over = False

    def end(self) -> None:
        """The run is over: the line is not needed any more."""
        self.is_over = True

    def _answer(self, _widget: DeliveryHint, _content: dict[str, Any], _buffers: list[bytes]) -> None:
        self.is_answered = True
