"""Choosing on a finished range test: click, keys, typing, dragging a range, zooming in."""

from __future__ import annotations

from functools import wraps
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from ipywidgets import HTML, Button, HBox, Layout, ToggleButton, VBox

from lr_magic.notebook.views.comm_delivery import deliver_during_runs
from lr_magic.notebook.views.command_line import CommandLine
from lr_magic.notebook.views.lr_field import LrField
from lr_magic.notebook.views.readout import fit_command, readout_html
from lr_magic.pure.errors import SettingError
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.results.choice_origin import ChoiceOrigin

if TYPE_CHECKING:
    from collections.abc import Callable

    from lr_magic.notebook.views.range_test_figure import RangeTestFigure
    from lr_magic.pure.results.range_test_result import RangeTestResult

# A brush pushed together to nothing still has ends that differ by rounding: no range, however narrow the plot's own.
_NARROWEST = 1.0001


def _in_turn(method: Callable[..., None]) -> Callable[..., None]:
    """Let one thread at a time draw: a widget that two change at once fails."""

    @wraps(method)
    def locked(panel: ChoicePanel, *arguments: Any) -> None:
        with panel.lock:
            method(panel, *arguments)

    return locked


class ChoicePanel:
    """The controls and words below the plot.

    Handlers may run in another thread, late, or twice. They draw what is chosen themselves, also while the sweep runs
    (it may be paused), one at a time.

    Parameters
    ----------
    figure
        Where the choice is made and shown.
    """

    def __init__(self, figure: RangeTestFigure) -> None:
        self.lock = RLock()
        self._figure = figure
        self._result: RangeTestResult | None = None
        self._pending_lr: float | None = None
        self.on_choice: Callable[[], None] = _nothing
        """Called once a choice rests: not at each step of a key held down or of a drag."""
        self.on_zoom: Callable[[float, float], str] | None = None
        self.field = LrField(
            on_move=self.move, on_home=self.go_home, on_typed=self.type_in, on_shift=self._set_range_mode,
            on_rest=self._rest,
        )  # fmt: skip
        self.range_mode = ToggleButton(
            description="Range", icon="arrows-h", tooltip="Drag a range on the plot (or hold Shift while dragging)",
            layout=Layout(width="7em"),
        )  # fmt: skip
        self.zoom = Button(
            description="Zoom sweep", icon="search-plus", tooltip="Sweep the dragged range again, finer",
            layout=Layout(width="11em", display="none"),
        )  # fmt: skip
        self.message = HTML()
        self.readout = HTML()
        self.controls = HBox(
            [self.field, self.range_mode, self.zoom, self.message], layout=Layout(display="none", flex_flow="row wrap")
        )
        self.command = CommandLine()
        self.widget = VBox([self.controls, self.readout, self.command])
        self._connect()

    @_in_turn
    def offer_zoom(self, zoom: Callable[[float, float], str]) -> None:
        """Let a dragged range be swept again."""
        self.on_zoom = zoom
        self._show()

    @_in_turn
    def open(self, result: RangeTestResult) -> None:
        """The sweep is over: show its suggestion and take choices from now on."""
        self._result = result
        if self._pending_lr is not None and len(result.lrs):
            result.choose(float(result.lrs[self._nearest(self._pending_lr)]), ChoiceOrigin.PLOT)
        marks = self._figure.choice
        marks.draw_suggestion(result.suggested_point, result.interval)
        marks.draw_proposed(result.proposed_range)
        marks.ticks.draw(result.other_suggestions)
        self.message.value = ""
        self.controls.layout.display = None
        self._show()

    @_in_turn
    def close(self) -> None:
        """Another sweep begins: a click is for its result from now on."""
        self._result = None
        self._pending_lr = None
        self._figure.choice.draw_choice(None)
        self._figure.choice.brush.selected = None
        self.command.command = ""
        self.controls.layout.display = "none"

    @_in_turn
    def choose(self, lr: float) -> None:
        """Choose a rate, snapped to the curve."""
        self._pending_lr = lr  # first of all: the sweep may end while this runs, and `open` looks here
        if self._result is None:
            self._figure.choice.draw_choice(lr)
        if self._result is not None and len(self._result.lrs):
            self._set(float(self._result.lrs[self._nearest(lr)]))

    @_in_turn
    def move(self, num_points: int) -> None:
        """Move the choice along the curve."""
        if self._result is None or self._result.lr is None or not len(self._result.lrs):
            return
        index = self._nearest(self._result.lr) + int(num_points)
        self._set(float(self._result.lrs[np.clip(index, 0, len(self._result.lrs) - 1)]))

    def go_home(self) -> None:
        """Go back to the suggestion."""
        self._set(None)

    def type_in(self, text: str) -> None:
        """Choose the rate that was typed, exactly."""
        try:
            self._set(float(text))
        except (ValueError, SettingError):
            self.message.value = "A learning rate is a number above 0, like 3e-3."

    @_in_turn
    def drag(self, low: float, high: float) -> None:
        """Choose a range."""
        # the last piece of a drag may come late: it does not wipe away what was said meanwhile
        if self._result is not None and 0 < low * _NARROWEST < high:
            self._result.choose((low, high), ChoiceOrigin.PLOT)
            self._show()
            self.field.num_choices += 1

    def _rest(self) -> None:
        self.on_choice()

    @_in_turn
    def _set(self, lr: float | None) -> None:
        if self._result is None:
            return
        self._result.choose(lr, ChoiceOrigin.PLOT)
        self.message.value = ""
        self._figure.choice.brush.selected = None  # a drag within an old range would move it
        self._show()
        self.field.num_choices += 1

    def _nearest(self, lr: float) -> int:
        assert self._result is not None  # noqa: S101 - for the type checker: callers have looked
        return int(np.argmin(np.abs(np.log(self._result.lrs / lr))))

    def _show(self) -> None:
        result = self._result
        if result is None:
            return
        self._figure.choice.draw_choice(result.lr if result.is_chosen else None, result.lr_range)
        self.field.text = "" if result.lr is None else lr_text(result.lr, digits=3)
        self.zoom.layout.display = None if result.lr_range and self.on_zoom else "none"
        self.readout.value = readout_html(result)
        self.command.command = fit_command(result)

    def _connect(self) -> None:
        marks, brush = self._figure.choice, self._figure.choice.brush
        self._figure.on_click(self.choose)
        marks.on_click(self.choose)
        self.range_mode.observe(lambda change: self._set_range_mode(change["new"]), "value")
        self.zoom.on_click(lambda _: self._zoom())
        brush.observe(lambda change: self._drag_to(change["new"]), "selected")
        clickable = (self._figure.click_area, marks.ticks.marks, marks.suggestion)
        for widget in (*clickable, self.field, self.range_mode, self.zoom, brush):
            deliver_during_runs(widget)

    def _set_range_mode(self, is_on: bool) -> None:
        wanted = is_on or self.range_mode.value
        self._figure.figure.interaction = self._figure.choice.brush if wanted else None

    def _drag_to(self, selected: np.ndarray | None) -> None:
        if selected is not None and len(selected) == 2:
            self.drag(float(min(selected)), float(max(selected)))

    def _zoom(self) -> None:
        if self._result is not None and self._result.lr_range is not None and self.on_zoom is not None:
            self.message.value = self.on_zoom(*self._result.lr_range)


def _nothing() -> None:
    return
