"""The field in which the chosen learning rate stands: typed, moved with the arrow keys, sent home with Home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
from traitlets import Int, Unicode

if TYPE_CHECKING:
    from collections.abc import Callable


class LrField(anywidget.AnyWidget):
    """A text field that turns keys into wishes; what they mean is decided in Python.

    A click on the plot above moves the focus here, so that the arrow keys work at once. While the Shift key is down
    over the plot, a range can be dragged. A key held down and a drag are many choices: the front end says when the
    choice rests, for what is too slow to be done at each.
    """

    _esm = Path(__file__).with_name("lr_field.js")

    text = Unicode().tag(sync=True)
    """The chosen learning rate as it is shown."""

    num_choices = Int().tag(sync=True)
    """How often something was chosen, by whatever means."""

    def __init__(
        self,
        *,
        on_move: Callable[[int], None],
        on_home: Callable[[], None],
        on_typed: Callable[[str], None],
        on_shift: Callable[[bool], None],
        on_rest: Callable[[], None],
    ) -> None:
        super().__init__()
        self._handlers: dict[str, Callable[[Any], None]] = {
            "move": on_move,
            "home": lambda _: on_home(),
            "typed": on_typed,
            "shift": on_shift,
            "rest": lambda _: on_rest(),
        }
        self.on_msg(self._receive)

    def _receive(self, _widget: LrField, content: dict[str, Any], _buffers: list[bytes]) -> None:
        handler = self._handlers.get(content.get("kind", ""))
        if handler is not None:
            handler(content.get("value"))
