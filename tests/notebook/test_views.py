"""Views without a browser: what they send, when, and what they hold in the end."""

from __future__ import annotations

import re
import sys
import threading
import types
from html import unescape

import ipywidgets
import numpy as np
import pytest

from lr_magic.notebook.views.explained_terms import explanations_html, reading_html
from lr_magic.notebook.views.live_comparison import LiveComparison
from lr_magic.notebook.views.live_fit import LiveFit
from lr_magic.notebook.views.live_range_test import LiveRangeTest
from lr_magic.notebook.views.readout import readout_html
from lr_magic.notebook.views.screens import NotebookRangeTest
from lr_magic.notebook.views.step_axes import step_ticks
from lr_magic.notebook.views.turns import Turns
from lr_magic.pure.control import Anneal, Extend, LowerPeak, Pause, Resume, RunControl, Stop
from lr_magic.pure.curve_reading.suggestion import RULE_MEANINGS, RULES
from lr_magic.pure.curve_reading.terms import terms_in
from lr_magic.pure.results.choice_origin import ChoiceOrigin
from lr_magic.pure.results.fit_event import EventKind, FitEvent
from lr_magic.pure.results.fit_history import FitHistory
from lr_magic.pure.results.range_test_result import RangeTestResult
from lr_magic.pure.results.records import EpochRecord, StepRecord
from lr_magic.pure.results.sharpness import Sharpness
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


def test_the_limit_by_curvature_is_drawn_within_the_plot(live):
    live.show_sharpness(Sharpness(20.0, 0.1, (0.05, 50.0), 4, 16))
    marks = live.figure.sharpness
    assert marks.line.x.tolist() == [0.1, 0.1]
    assert marks.band.x.tolist() == [0.05, 10.0]
    assert list(marks.name.text) == ["limit by curvature 0.1"]


def test_a_limit_beyond_the_axis_is_drawn_once_the_sweep_has_come_so_far(live, result):
    result.sharpness = Sharpness(20.0, 50.0, (20.0, 90.0), 4, 16)
    live.show_sharpness(result.sharpness)
    assert not live.figure.sharpness.line.x.size
    live.figure.widen_to(100.0)
    live.finish(result)
    assert live.figure.sharpness.line.x.tolist() == [50.0, 50.0]


@pytest.mark.parametrize("limit", [None, 1e3])
def test_a_limit_that_is_none_or_beyond_the_plot_is_not_drawn(live, limit):
    live.show_sharpness(Sharpness(20.0, limit, limit and (limit / 2, limit), 4, 16))
    assert not live.figure.sharpness.line.x.size


def test_each_term_of_the_reading_can_be_reached_and_has_its_explanation_below(result):
    html = reading_html(result.sentences)
    words = [result.sentences[t.sentence][t.start : t.end] for t in terms_in(result.sentences)]
    assert len(words) > 3
    for number, word in enumerate(words):
        assert re.search(rf'<span class="[^"]*term-{number}" tabindex="0" title="[^"]+">{word}</span>', html)
        assert f'explanation-{number}"><b>{word}</b>' in html
    assert f":has(.lr-magic-term-{len(words) - 1}:focus)" in html


def test_the_reading_without_its_marks_is_the_reading(result):
    text = re.sub(
        r"<style>.*?</style>|<span class=.lr-magic-explanation .*$|<[^>]+>", "", reading_html(result.sentences)
    )
    assert unescape(text) == result.reading


def test_a_saved_notebook_explains_all_terms_without_style_rules(result):
    html = explanations_html(result.sentences)
    assert html.startswith("<details><summary>")
    assert html.count("<div>") == len(terms_in(result.sentences))
    assert explanations_html(["It is what it is."]) == ""


def test_what_the_model_is_called_cannot_break_the_page():
    assert "<b>loss</b>" in reading_html(["The loss of <Net>."])
    assert "&lt;Net&gt;" in reading_html(["The loss of <Net>."])


def adaptive_view():
    return LiveRangeTest(1e-6, 10, None, RunControl(), is_adaptive=True)


def test_the_end_of_an_adaptive_sweep_is_said_to_be_a_bound_that_falls():
    live = adaptive_view()
    live.on_step(StepRecord(0, 1e-6, 2.3))
    live._show_status()
    assert "step 1 of at most 71 " in live.status.value
    live.on_step(StepRecord(1, 1e-2, 2.0))
    live._show_status()
    assert "step 2 of at most 32 " in live.status.value
    assert "at most 0 s left" in live.status.value


def test_a_second_look_draws_its_curve_anew_and_counts_on():
    live = adaptive_view()
    for step in range(30):
        live.on_step(StepRecord(step, 1e-6 * 10 ** (step / 4), 2.0))
    live.on_step(StepRecord(0, 1e-3, 1.0))
    live._draw_curve()
    live._draw_curve()
    assert live.figure.curve.x.tolist() == [1e-3]
    live._show_status()
    assert "step 31 of at most 91 " in live.status.value


def test_the_axis_widens_once_to_a_whole_decade_and_its_clicks_with_it():
    figure = adaptive_view().figure
    ticks = figure.figure.axes[0]
    for lr in (1e-6, 9.9, 10.0):
        figure.widen_to(lr)
    assert (figure.x_scale.min, figure.x_scale.max) == (1e-6, 10)
    for lr, ends in ((12.0, (1e-6, 100)), (99.0, (1e-6, 100)), (100.00000001, (1e-6, 100)), (3e-8, (1e-8, 100))):
        figure.widen_to(lr)
        assert (figure.x_scale.min, figure.x_scale.max) == pytest.approx(ends)
        assert figure.click_area.x.tolist() == pytest.approx(list(ends))
        assert (ticks.tick_values[0], ticks.tick_values[-1]) == pytest.approx(ends)


def test_the_curve_in_the_end_is_the_whole_curve(live, result):
    feed(live)
    live.finish(result)
    assert np.array_equal(live.figure.curve.x, LRS)
    assert np.array_equal(live.figure.curve.y[0], LOSSES)
    assert live.figure.choice.suggestion.x[0] == result.suggestion


@pytest.fixture
def clock(monkeypatch):
    """Time as the views see it: a list with the present second."""
    now = [0.0]
    monkeypatch.setattr("lr_magic.notebook.views.redraw_clock.perf_counter", lambda: now[0])
    monkeypatch.setattr("lr_magic.notebook.views.redraw_clock.thread_time", lambda: 0.0)  # a slow machine is as good
    return now


def views():
    """Each live view, with a function that feeds it one step."""
    sweep = LiveRangeTest(1e-7, 10, 100, RunControl())
    fit = LiveFit(OneCycle(1e-2, 100), 5, RunControl(), has_momentum=True)
    comparison = LiveComparison(100, RunControl())
    return {
        "sweep": lambda step: sweep.on_step(StepRecord(step, LRS[step], LOSSES[step])),
        "fit": lambda step: fit.on_step(StepRecord(step, 1e-2, LOSSES[step], 0.9)),
        "comparison": lambda step: comparison.on_step(1e-2, StepRecord(step, 1e-2, LOSSES[step])),
    }


@pytest.mark.parametrize("view", ["sweep", "fit", "comparison"])
def test_a_redraw_is_one_message_and_a_step_between_redraws_none(clock, monkeypatch, view):
    take = views()[view]
    take(0)
    clock[0] += 1.0
    take(1)
    messages = sent_by(monkeypatch)
    sent = []
    for step in range(2, 75):
        clock[0] += 0.01
        messages.clear()
        take(step)
        sent.append(len(messages))
    assert max(sent) == 1
    assert 10 <= sum(sent) / 0.73 <= 20  # redraws per second


@pytest.mark.parametrize("step_s", [0.01, 0.03, 0.05])
@pytest.mark.parametrize("kind", ["sweep", "fit"])
def test_the_curve_grows_ten_times_a_second(clock, monkeypatch, kind, step_s):
    sweep = LiveRangeTest(1e-7, 10, 1000, RunControl())
    fit = LiveFit(OneCycle(1e-2, 1000), 5, RunControl(), has_momentum=True)
    live, figure, name = (sweep, sweep.figure, "draw_curve") if kind == "sweep" else (fit, fit.figure, "draw_losses")
    drawn = []
    monkeypatch.setattr(figure, name, lambda *_: drawn.append(clock[0]))
    lrs = np.geomspace(1e-7, 10, 1000)
    for step in range(round(20 / step_s) if step_s > 0.02 else 1000):
        clock[0] += step_s
        live.on_step(StepRecord(step, lrs[step], 2.0 + 0.01 * (step % 7), 0.9))
    assert 10 <= len(drawn) / clock[0] <= 20


def test_parts_of_a_view_take_turns(clock):
    drawn = []
    turns = Turns(lambda: drawn.append("a"), lambda: drawn.append("a"), lambda: drawn.append("b"))
    for _ in range(6):
        clock[0] += 0.08
        turns.take()
        turns.take()
    assert "".join(drawn) == "aabaab"


def test_a_part_with_nothing_new_leaves_its_turn_to_the_next(clock):
    drawn = []
    turns = Turns(lambda: drawn.append("a"), lambda: False, lambda: drawn.append("b"))
    for _ in range(4):
        clock[0] += 0.08
        turns.take()
    assert "".join(drawn) == "abab"


@pytest.mark.parametrize(("step_s", "expected"), [(0.08, "|a|a|b"), (0.16, "|ab|ca|ab"), (10.0, "|abc|abc|abc")])
def test_after_a_slow_step_the_parts_that_fell_into_it_are_drawn(clock, step_s, expected):
    drawn = []
    a, b, c = (lambda name=name: drawn.append(name) for name in "abc")
    turns = Turns(a, a, b, c)
    for _ in range(3):
        clock[0] += step_s
        drawn.append("|")
        turns.take()
    assert "".join(drawn) == expected


@pytest.mark.parametrize(("first_step_s", "num_drawn"), [(0.01, 0), (1.0, 1)])
def test_a_slow_first_step_is_drawn_at_once_and_a_rest_before_the_run_does_not_count(clock, first_step_s, num_drawn):
    drawn = []
    turns = Turns(lambda: drawn.append("a"))
    clock[0] += 60.0
    turns.begin()
    clock[0] += first_step_s
    turns.take()
    assert len(drawn) == num_drawn


def test_levels_that_stand_still_are_not_drawn_again(live):
    feed(live, 30)
    live._draw_curve()
    assert live._draw_levels() is True
    assert live._draw_levels() is False
    live.figure.widen_to(100.0)
    assert live._draw_levels() is True  # they span the axis
    assert live.figure.levels.x.tolist() == [1e-7, 100.0]


def test_a_click_moves_the_choice_to_the_curve(live, result):
    live.finish(result)
    live.panel.choose(3.1e-3)
    assert result.lr == pytest.approx(3.1e-3, rel=0.1)
    assert result.lr in LRS
    assert live.figure.choice.choice.x[0] == result.lr
    assert result.choice_origin is ChoiceOrigin.PLOT


def test_a_plot_has_no_command_while_its_next_sweep_runs(live, result):
    live.finish(result)
    assert live.panel.command.command.startswith("%fit_one_cycle 5 --max-lr ")
    live.restart(RunControl(), 100)
    assert live.panel.command.command == ""


def test_the_kernel_answers_the_front_end_s_question_whether_clicks_arrive(live, result):
    hint = live.frame.hint
    assert not hint.is_answered
    hint._handle_custom_msg({"kind": "hello"}, [])
    assert hint.is_answered
    live.finish(result)
    assert hint.is_over


def test_a_view_asks_colab_to_take_widgets_that_are_not_its_own(monkeypatch):
    enabled = []
    output = types.ModuleType("google.colab.output")
    output.enable_custom_widget_manager = lambda: enabled.append(True)
    colab = types.ModuleType("google.colab")
    colab.output = output
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    LiveFit(OneCycle(1e-2, 100), 5, RunControl(), has_momentum=True)
    assert enabled


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


def test_a_click_during_the_run_is_seen_without_another_step(live):
    feed(live, 60)
    live.panel.choose(1e-4)  # the run may be paused
    assert live.figure.choice.choice.x.tolist() == [1e-4, 1e-4]
    assert list(live.figure.choice.choice_label.text) == ["1e-4"]


def test_the_picture_is_drawn_once_a_choice_rests(live, result):
    drawn = []
    live.finish(result)
    live.panel.on_choice = lambda: drawn.append(result.lr)
    live.panel.choose(1e-3)
    for _ in range(5):
        live.panel.field._receive(live.panel.field, {"kind": "move", "value": 1}, [])
    live.figure.choice.brush.selected = np.array([1e-4, 1e-2])
    assert not drawn
    assert live.panel.field.num_choices == 7  # the front end waits for the last of them
    live.panel.field._receive(live.panel.field, {"kind": "rest", "value": None}, [])
    assert drawn == [1e-2]


def test_a_rate_typed_below_a_sweep_without_steps_does_not_move(live):
    live.finish(RangeTestResult(np.array([]), np.array([]), stop_reason=StopReason.STOPPED))
    live.panel.type_in("1e-3")
    live.panel.move(1)
    assert live.panel.field.text == "1e-3"


def test_why_there_is_no_suggestion_is_said_once():
    short = RangeTestResult(LRS[:1], LOSSES[:1], stop_reason=StopReason.COMPLETED)
    assert re.sub(r"<[^>]+>", "", readout_html(short)).count("Only 1 step with a finite loss") == 1
    flat = RangeTestResult(LRS, np.full(len(LRS), 2.0), stop_reason=StopReason.COMPLETED)
    assert flat.no_suggestion_reason in unescape(readout_html(flat))


@pytest.mark.parametrize("lr", [1e9, 1e-30])
def test_no_loss_is_claimed_where_none_was_measured(result, lr):
    result.lr = lr
    assert "outside the rates that were swept." in readout_html(result)
    assert "loss there" not in readout_html(result)


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


def test_a_sweep_without_an_answer_takes_the_suggestion_of_the_one_before_away(live, result):
    live.finish(result)
    assert len(live.figure.choice.suggestion.x) == 1
    live.restart(RunControl(), 100)
    flat = RangeTestResult(LRS, np.full(len(LRS), 2.0), stop_reason=StopReason.COMPLETED)
    assert flat.suggestion is None
    live.finish(flat)
    marks = live.figure.choice
    assert not len(marks.suggestion.x) + len(marks.suggestion_label.text) + len(marks.interval.x)


def test_a_sweep_zoomed_into_is_in_the_saved_picture(live, result, monkeypatch):
    names = []

    class Picture:
        def __init__(self, figure, *_):
            self.update(figure)

        def update(self, figure, *_):
            names.append([text.get_text() for text in figure.axes[0].get_legend().get_texts()])

    monkeypatch.setattr("lr_magic.notebook.views.screens.SavedPicture", Picture)
    screen = NotebookRangeTest((), live)
    screen.finish(result)
    live.restart(RunControl(), 100)
    screen.finish(RangeTestResult(LRS, LOSSES, stop_reason=StopReason.DIVERGED))
    assert ["before" in each for each in names] == [False, True]


def test_an_overlay_lies_below_the_curve(live, result):
    live.overlays.add("before", result)
    marks = live.figure.figure.marks
    assert marks.index(live.overlays.lines[0]) < marks.index(live.figure.curve)


def test_sweeps_of_one_cell_have_names_of_their_own_in_the_legend(live, result):
    for _ in range(2):
        live.overlays.add("In [3]", result)
    assert [button.description for button in live.overlays.widget.children] == ["In [3]", "In [3] (2)"]


@pytest.mark.parametrize(("ratio", "text"), [(1.7, "1.7"), (26.4, "26"), (133.0, "130"), (58_700.0, "59,000")])
def test_the_distance_to_the_blow_up_is_said_without_an_exponent(result, ratio, text):
    result.lr = result.blow_up_lr / ratio
    assert f", {text} times below the blow-up" in readout_html(result)


def test_a_dragged_range_is_the_choice_and_a_click_replaces_it(live, result):
    live.finish(result)
    live.figure.choice.brush.selected = np.array([1e-4, 1e-2])
    assert result.lr_range == (1e-4, 1e-2)
    assert live.panel.command.command == "%fit_one_cycle 5 --max-lr 1e-4:1e-2"
    assert "first layers" in live.panel.readout.value
    live.panel.choose(1e-3)
    assert result.lr_range is None


def test_a_brush_pushed_together_is_no_range(live, result):
    live.finish(result)
    live.figure.choice.brush.selected = np.array([0.1, np.nextafter(0.1, 1)])
    assert result.lr_range is None


def test_the_next_sweep_in_a_plot_begins_without_the_dragged_range(live, result):
    live.finish(result)
    live.figure.choice.brush.selected = np.array([1e-4, 1e-2])
    live.restart(RunControl(), 100)
    assert live.figure.choice.brush.selected is None


def test_every_rule_has_a_name_that_can_be_read_and_an_explanation(live, result):
    live.finish(result)
    ticks = live.figure.choice.ticks
    others = [rule for rule, lr in result.suggestions.items() if lr != result.suggestion]
    assert list(ticks.names.text) == others
    assert all(f"{rule} " in words and ": " in words for rule, words in zip(others, ticks.marks.names, strict=True))
    assert set(RULE_MEANINGS) == set(RULES)


def test_names_of_rules_that_agree_stand_below_each_other(live):
    ticks = live.figure.choice.ticks
    ticks.draw({"valley": 1e-3, "steepest": 1.1e-3, "minimum": 1.0})
    heights = ticks.names.y
    assert heights[0] > heights[1] + 0.04
    assert heights[2] == heights[0]


def test_a_proposed_range_is_drawn(live, result):
    result.first_stage_lr = 1e-2
    live.finish(result)
    assert tuple(live.figure.choice.proposed.x) == result.proposed_range
    assert live.figure.choice.proposed_label.text[0].startswith("proposed ")


def test_the_last_piece_of_a_drag_does_not_wipe_away_what_was_said(live, result):
    live.finish(result)
    live.panel.offer_zoom(lambda low, high: f"no zoom from {low:g} to {high:g}")
    live.panel.drag(1e-4, 1e-2)
    live.panel.zoom.click()
    live.panel.drag(1e-4, 1.1e-2)
    assert live.panel.message.value == "no zoom from 0.0001 to 0.01"
    live.panel.choose(1e-3)
    assert live.panel.message.value == ""


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


def test_a_pause_does_not_count_as_time_of_the_run(monkeypatch):
    now = [100.0]
    for module in ("run_buttons", "live_range_test"):
        monkeypatch.setattr(f"lr_magic.notebook.views.{module}.perf_counter", lambda: now[0])
    live = LiveRangeTest(1e-7, 10, 100, RunControl())
    feed(live, 50)
    now[0] += 5.0
    live.buttons.pause.click()
    now[0] += 3600.0
    live.buttons.pause.click()
    live._show_status()
    assert "5 s left" in live.status.value


def test_a_sweep_stopped_while_paused_leaves_no_resume_for_the_next(live, result):
    live.buttons.pause.click()
    live.finish(result)
    live.restart(RunControl(), 100)
    assert live.buttons.pause.description == "Pause"
    assert live.buttons.paused_s == 0


def test_handlers_may_run_in_other_threads_late_and_twice(result):
    live = LiveRangeTest(1e-7, 10, 100, RunControl())
    errors = []

    def press_all():
        try:
            for _ in range(30):
                live.panel.choose(1e-3)
                live.panel.move(1)
                live.panel.drag(1e-4, 1e-2)
                live.panel.go_home()
                live.panel.choose(1e-4)
                live.buttons.pause.click()
                live.buttons.stop.click()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=press_all) for _ in range(2)]
    for thread in threads:
        thread.start()
    feed(live)
    live.finish(result)
    for thread in threads:
        thread.join()
    press_all()
    assert errors == []
    assert result.lr == pytest.approx(1e-4, rel=0.1)


def test_progress_is_told_of_the_epoch_and_of_the_whole(live_fit):
    train(live_fit, 30)
    live_fit.on_epoch(EpochRecord(1, 1.0, None, {}, 1.0))
    live_fit._show_status()
    assert "epoch 2 of 5 (50%)" in live_fit.status.value
    assert "step 30 of 100" in live_fit.status.value
    live_fit.on_event(FitEvent(30, EventKind.EXTENDED, "extended by 20 steps", 20))
    live_fit._show_status()
    assert "epoch 2 of 6 (50%)" in live_fit.status.value


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
    assert "extended by 50 steps" in live_fit.events.widget.value
    live_fit.on_event(FitEvent(20, EventKind.ANNEALED, "cooling down", 5))
    assert "step 10 of 25" in (live_fit._show_status(), live_fit.status.value)[1]
    assert live_fit.figure.x_scale.max == 149
    assert live_fit.figure.schedule.planned.x[-1] == 24  # the plan that is drawn is the present one


def test_of_a_thousand_events_the_latest_are_told_and_the_others_counted(live_fit):
    for step in range(1000):
        live_fit.events.append(FitEvent(step, EventKind.BLEW_UP, "loss of <nan>"))
    lines = live_fit.events.widget.value.split("<div")[1:]
    assert len(lines) == 11
    assert "990 before these" in lines[0]
    assert "step 990: loss of &lt;nan&gt;" in lines[1]
    assert "step 999" in lines[-1]


def test_a_hundred_thousand_steps_are_drawn_in_few_points(live_fit, monkeypatch):
    monkeypatch.setattr(live_fit._turns, "take", lambda: None)
    train(live_fit, 100_000)
    live_fit._losses_turn()  # moves the axis
    live_fit._losses_turn()
    assert live_fit.figure.curve.y.shape[1] <= 1200
    assert np.nanmax(live_fit.figure.curve.y[0]) == 1.0  # the highest loss is still there


def test_ten_thousand_epochs_are_shown_in_few_rows_and_points(live_fit, clock):
    for number in range(1, 10_001):
        live_fit.on_epoch(EpochRecord(number, 1.0, 100.0 if number != 77 else 0.5, {}, 0.1))
    clock[0] += 1.0
    live_fit.on_epoch(EpochRecord(10_001, 1.0, 100.0, {}, 0.1))
    assert len(live_fit.figure.validation.x) <= 200
    assert live_fit.table.value.count("<tr") <= 32
    assert "9,970 epochs" in live_fit.table.value
    assert ">77<" in live_fit.table.value  # the best one
    assert live_fit.figure.best.y[0] == 0.5


def test_steering_buttons_send_their_commands():
    control = RunControl()
    live = LiveFit(OneCycle(1e-2, 100), 5, control, has_momentum=True)
    for button in live.buttons.steering:
        button.click()
    assert [control.receive() for _ in range(3)] == [Anneal(), Extend(), LowerPeak()]


def test_the_text_in_place_of_a_live_view_is_for_people(live):
    assert live.widget._repr_mimebundle_()["text/plain"] == repr(live.widget)
    assert "picture" in repr(live.widget)


@pytest.mark.parametrize("last_step", [1, 2, 4, 5, 9, 39, 40, 109, 110, 2_319, 99_999, 1_000_000])
def test_steps_are_marked_at_a_few_round_numbers(last_step):
    ticks = step_ticks(last_step)
    assert 2 <= len(ticks) <= 5
    assert ticks[0] == 0
    assert ticks[-1] <= last_step
    assert str(ticks[1]).strip("0") in {"1", "2", "5"}
