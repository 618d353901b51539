"""Views without a browser: what they send, when, and what they hold in the end."""

from __future__ import annotations

import ipywidgets
import numpy as np
import pytest

from lr_magic.notebook.views.live_fit import LiveFit
from lr_magic.notebook.views.live_range_test import LiveRangeTest
from lr_magic.notebook.views.redraw_clock import RedrawClock
from lr_magic.pure.control import Anneal, Extend, LowerPeak, Pause, Resume, RunControl, Stop
from lr_magic.pure.results.fit_event import EventKind, FitEvent
from lr_magic.pure.results.fit_history import FitHistory
from lr_magic.pure.results.range_test_result import RangeTestResult
from lr_magic.pure.results.records import EpochRecord, StepRecord
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.pure.schedules import OneCycle

LRS = np.geomspace(1e-7, 10, 100)
LOSSES = np.where(LRS < 0.5, 2.3 - 2 / (1 + (1e-2 / LRS)), 40.0)


@pytest.fixture
def live():
    return LiveRangeTest(1e-7, 10, 100, RunControl())


@pytest.fixture
def result():
    return RangeTestResult(LRS, LOSSES, stop_reason=StopReason.DIVERGED)


def sent_by(monkeypatch):
    messages = []
    original = ipywidgets.Widget._send

    def send(self, message, **rest):
        messages.append(message)
        return original(self, message, **rest)

    monkeypatch.setattr(ipywidgets.Widget, "_send", send)
    return messages


def feed(live, num_steps=100):
    for step in range(num_steps):
        live.on_step(StepRecord(step, LRS[step], LOSSES[step]))


def test_the_curve_in_the_end_is_the_whole_curve(live, result):
    feed(live)
    live.finish(result)
    assert np.array_equal(live.figure.curve.x, LRS)
    assert np.array_equal(live.figure.curve.y[0], LOSSES)
    assert live.figure.choice.suggestion.x[0] == result.suggestion


def test_redraws_are_limited_by_time_not_by_steps(live, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("lr_magic.notebook.views.redraw_clock.perf_counter", lambda: now[0])
    live._redraws = RedrawClock(interval_s=0.07)
    redraws = []
    monkeypatch.setattr(live, "_redraw", lambda: redraws.append(now[0]))
    for step in range(100):
        now[0] += 0.01
        live.on_step(StepRecord(step, LRS[step], LOSSES[step]))
    assert 12 <= len(redraws) <= 15


def test_a_step_between_redraws_sends_nothing(live, monkeypatch):
    monkeypatch.setattr(live._redraws, "is_due", lambda: False)
    messages = sent_by(monkeypatch)
    feed(live)
    assert messages == []


def test_a_click_moves_the_choice_to_the_curve(live, result):
    live.finish(result)
    live.panel.choose(3.1e-3)
    assert result.lr == pytest.approx(3.1e-3, rel=0.1)
    assert result.lr in LRS
    assert live.figure.choice.choice.x[0] == result.lr


def test_a_click_during_the_run_becomes_the_choice(live, result):
    feed(live, 60)
    live.panel.choose(1e-4)
    live.finish(result)
    assert result.lr == pytest.approx(1e-4, rel=0.1)


def test_a_click_on_a_sweep_without_steps_does_nothing(live):
    live.panel.choose(1e-4)
    result = RangeTestResult(np.array([]), np.array([]), stop_reason=StopReason.STOPPED)
    live.finish(result)
    live.panel.choose(1e-4)
    live.panel.move(1)
    assert not result.is_chosen


def test_keys_move_along_the_curve_and_home_returns(live, result):
    live.finish(result)
    live.panel.choose(1e-3)
    before = result.lr
    live.panel.field._receive(live.panel.field, {"kind": "move", "value": 1}, [])
    assert result.lr == LRS[list(LRS).index(before) + 1]
    live.panel.field._receive(live.panel.field, {"kind": "move", "value": -1000}, [])
    assert result.lr == LRS[0]
    live.panel.field._receive(live.panel.field, {"kind": "home", "value": None}, [])
    assert not result.is_chosen
    assert result.lr == result.suggestion


def test_a_typed_rate_is_taken_exactly_and_nonsense_is_refused(live, result):
    live.finish(result)
    live.panel.type_in("3.3e-3")
    assert result.lr == 3.3e-3
    for nonsense in ("abc", "-1", "0", "nan", "inf", ""):
        live.panel.type_in(nonsense)
        assert result.lr == 3.3e-3
        assert "above 0" in live.panel.message.value


def test_a_dragged_range_is_the_choice_and_a_click_replaces_it(live, result):
    live.finish(result)
    live.figure.choice.brush.selected = np.array([1e-4, 1e-2])
    assert result.lr_range == (1e-4, 1e-2)
    assert "1e-4:1e-2" in live.panel.readout.value
    assert "first layers" in live.panel.readout.value
    live.panel.choose(1e-3)
    assert result.lr_range is None


def test_range_mode_by_toggle_and_by_key(live, result):
    live.finish(result)
    live.panel.field._receive(live.panel.field, {"kind": "shift", "value": True}, [])
    assert live.figure.figure.interaction is live.figure.choice.brush
    live.panel.field._receive(live.panel.field, {"kind": "shift", "value": False}, [])
    assert live.figure.figure.interaction is None
    live.panel.range_mode.value = True
    live.panel.field._receive(live.panel.field, {"kind": "shift", "value": False}, [])
    assert live.figure.figure.interaction is live.figure.choice.brush


def test_buttons_only_send_commands():
    control = RunControl()
    live = LiveRangeTest(1e-7, 10, 100, control)
    live.buttons.pause.click()
    live.buttons.pause.click()
    live.buttons.stop.click()
    assert [control.receive() for _ in range(4)] == [Pause(), Resume(), Stop(), None]


def test_an_interrupted_sweep_without_steps_can_be_shown(live):
    live.finish(RangeTestResult(np.array([]), np.array([]), stop_reason=StopReason.INTERRUPTED))
    assert "interrupted" in live.status.value


@pytest.fixture
def live_fit():
    return LiveFit(OneCycle(1e-2, 100), 5, RunControl(), has_momentum=True)


def train(live_fit, num_steps):
    for step in range(num_steps):
        live_fit.on_step(StepRecord(step, 1e-2, 1.0 / (step + 1), 0.9))


def test_a_training_shows_its_epochs_and_marks_the_best(live_fit):
    train(live_fit, 40)
    epochs = [EpochRecord(1, 1.0, 0.9, {"accuracy": 0.5}, 1.0), EpochRecord(2, 0.5, 0.4, {"accuracy": 0.8}, 1.0)]
    for epoch in epochs:
        live_fit.on_epoch(epoch)
    history = FitHistory([StepRecord(0, 1e-2, 1.0)], epochs, StopReason.COMPLETED)
    live_fit.finish(history)
    assert live_fit.table.value.count("<tr") == 3
    assert live_fit.table.value.index("font-weight:bold") > live_fit.table.value.index("0.9000")
    assert list(live_fit.figure.validation.y) == [0.9, 0.4]


def test_steering_changes_the_length_and_is_told(live_fit):
    train(live_fit, 10)
    live_fit.on_event(FitEvent(10, EventKind.EXTENDED, "extended by 50 steps", 50))
    assert live_fit.figure.x_scale.max == 149
    assert "extended by 50 steps" in live_fit.events.value
    live_fit.on_event(FitEvent(20, EventKind.ANNEALED, "cooling down", 5))
    assert "step 10 of 25" in (live_fit._show_status(), live_fit.status.value)[1]
    assert live_fit.figure.x_scale.max == 149


def test_a_hundred_thousand_steps_are_drawn_in_few_points(live_fit, monkeypatch):
    monkeypatch.setattr(live_fit._clock, "is_due", lambda: False)
    train(live_fit, 100_000)
    live_fit._redraw()
    assert len(live_fit.figure.raw.x) <= 1200
    assert len(live_fit.figure.smoothed.x) <= 600
    assert np.nanmax(live_fit.figure.raw.y) == 1.0  # the highest loss is still there


def test_steering_buttons_send_their_commands():
    control = RunControl()
    live = LiveFit(OneCycle(1e-2, 100), 5, control, has_momentum=True)
    for button in live.buttons.steering:
        button.click()
    assert [control.receive() for _ in range(3)] == [Anneal(), Extend(), LowerPeak()]
