"""The buttons of a run: Stop, and Pause that turns into Resume."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from ipywidgets import Button, HBox, Layout

from lr_magic.notebook.views.comm_delivery import deliver_during_runs
from lr_magic.pure.control import RunControl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Verb = Callable[[RunControl], None]


class RunButtons:
    """Buttons that steer a run; each handler only calls a verb of its control.

    Parameters
    ----------
    control
        Of the run.
    steering
        Further verbs of the control, each with its button's text, icon and tooltip.
    """

    def __init__(self, control: RunControl, steering: Sequence[tuple[Verb, str, str, str]] = ()) -> None:
        self._control = control
        self._is_paused = False
        self._paused_since = 0.0
        self._paused_before_s = 0.0
        self.stop = _button("Stop", "stop", "End the run after this step; what was measured is kept")
        self.pause = _button("Pause", "pause", "Hold the run until you resume it")
        self.stop.on_click(self._on_stop)
        self.pause.on_click(self._on_pause)
        self.steering = [self._steering_button(*each) for each in steering]
        self.roll_back = self._steering_button(
            RunControl.roll_back, "Go back", "undo", "Take the last good weights, lower the rates"
        )
        self.roll_back.layout.display = "none"
        buttons = [self.stop, self.pause, *self.steering, self.roll_back]
        for button in buttons:
            deliver_during_runs(button)
        self.widget = HBox(buttons, layout=Layout(flex_flow="row wrap"))  # below each other in a narrow window

    def _steering_button(self, steer: Verb, description: str, icon: str, tooltip: str) -> Button:
        button = _button(description, icon, tooltip)
        button.layout.width = "10em"
        button.on_click(lambda _: steer(self._control))
        return button

    def offer_roll_back(self) -> None:
        """The training has blown up: offer the way back to its last good point."""
        self.roll_back.layout.display = None

    def reopen(self, control: RunControl) -> None:
        """Serve another run."""
        self._control = control
        self._is_paused = False
        self._paused_before_s = 0.0
        self._name_pause()
        self.stop.description = "Stop"
        self.widget.layout.display = None

    @property
    def paused_s(self) -> float:
        """Seconds for which the run was held; they say nothing about its speed."""
        return self._paused_before_s + (perf_counter() - self._paused_since if self._is_paused else 0.0)

    def hide(self) -> None:
        """Take the buttons away: the run is over."""
        self.widget.layout.display = "none"

    def _on_stop(self, _button: Button) -> None:
        self._control.stop()
        self.stop.description = "Stopping"

    def _on_pause(self, _button: Button) -> None:
        if self._is_paused:
            self._paused_before_s = self.paused_s
            self._control.resume()
        else:
            self._paused_since = perf_counter()
            self._control.pause()
        self._is_paused = not self._is_paused
        self._name_pause()

    def _name_pause(self) -> None:
        self.pause.description = "Resume" if self._is_paused else "Pause"
        self.pause.icon = "play" if self._is_paused else "pause"


def _button(description: str, icon: str, tooltip: str) -> Button:
    return Button(description=description, icon=icon, tooltip=tooltip, layout=Layout(width="7.5em"))
