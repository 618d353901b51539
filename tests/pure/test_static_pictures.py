"""What the static pictures hold; how they look is for eyes."""

from __future__ import annotations

import numpy as np

from lr_magic.pure.cycle.steered_cycle import SteeredCycle
from lr_magic.pure.results.comparison_result import ComparisonResult, Trial
from lr_magic.pure.results.fit_event import EventKind, FitEvent
from lr_magic.pure.results.fit_history import FitHistory
from lr_magic.pure.results.range_test_result import RangeTestResult
from lr_magic.pure.results.records import EpochRecord, StepRecord
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.pure.schedules import OneCycle

SHAPE = {"pct_start": 0.3, "div_factor": 25.0, "final_div_factor": 1e4, "base_momentum": 0.85, "max_momentum": 0.95}


def words(axes) -> list[str]:
    legend = axes.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def line(axes, label):
    return next(each for each in axes.lines if each.get_label() == label)


def steered_history(max_lr):
    """As a training of four epochs of 25 steps leaves it that was steered twice and over after 70."""
    events = [
        FitEvent(50, EventKind.PEAK_LOWERED, "rates divided by 3", 3.0),
        FitEvent(60, EventKind.ANNEALED, "cooling", 10),
    ]
    cycle = SteeredCycle.of(OneCycle(1e-2, 100, **SHAPE), events)
    steps = [StepRecord(i, cycle.lr_at(i), 1.0, 0.9) for i in range(70)]
    settings = {"epochs": 4, "steps": None, "total_steps": 100, "max_lr": max_lr, **SHAPE}
    ends = enumerate([(0.9, 25), (0.7, 25), (0.8, 20)], start=1)
    epochs = [EpochRecord(epoch, 1.0, loss, {}, 1.0, num_steps) for epoch, (loss, num_steps) in ends]
    return FitHistory(steps, epochs, StopReason.COMPLETED, planned_steps=70, settings=settings, events=events)


def test_a_range_test_names_what_other_rules_suggest():
    lrs = np.geomspace(1e-6, 1, 61)
    losses = 2 - 1 / (1 + 1e-3 / lrs) + 5 * lrs
    result = RangeTestResult(lrs=lrs, losses=losses, stop_reason=StopReason.COMPLETED)
    (axes,) = result.plot().axes
    assert {text.get_text() for text in axes.texts} == set(result.other_suggestions)
    assert len(result.other_suggestions) >= 2


def test_a_training_shows_the_steered_plan_and_what_was_done_to_it():
    for max_lr in (1e-2, [1e-4, 1e-2]):
        history = steered_history(max_lr)
        loss_axes, lr_axes, *_ = history.plot().axes
        planned = line(lr_axes, "planned")
        assert planned.get_xdata()[-1] == 69  # annealed: shorter than the planned 100
        assert np.allclose(planned.get_ydata(), [step.lr for step in history.steps])
        assert "1  step 50: rates divided by 3" in words(lr_axes)
        assert "2  step 60: cooling" in words(lr_axes)
        assert list(line(loss_axes, "validation loss").get_xdata()) == [24, 49, 69]
        assert line(loss_axes, "best epoch").get_ydata() == [0.7]


def test_a_training_without_settings_is_drawn_without_a_plan():
    history = FitHistory([StepRecord(0, 1e-3, 1.0)], [], StopReason.STOPPED)
    labels = [each.get_label() for each in history.plot().axes[1].lines]
    assert labels == ["learning rate"]


def test_a_proposed_range_is_in_the_picture():
    lrs = np.geomspace(1e-7, 10, 100)
    losses = np.where(lrs < 0.5, 2.3 - 2 / (1 + (1e-2 / lrs)), 40.0)
    result = RangeTestResult(lrs, losses, stop_reason=StopReason.DIVERGED, first_stage_lr=1e-2)
    assert "proposed 1e-5 to 1e-3" in words(result.plot().axes[0])


def test_a_comparison_names_each_rate_and_the_winner():
    trials = (
        Trial(1e-3, (2.0, 1.5, 1.2), 1.2, StopReason.COMPLETED),
        Trial(1e-2, (2.0, 1.0, 0.5), 0.5, StopReason.COMPLETED),
    )
    (axes,) = ComparisonResult(trials, steps=3).plot().axes
    assert words(axes) == ["lr 1e-3: final loss 1.2", "lr 1e-2: final loss 0.5 (wins)"]
    assert ComparisonResult((), steps=3).plot().axes


def swept(start_lr=1e-6, end_lr=1.0):
    lrs = np.geomspace(start_lr, end_lr, 60)
    return RangeTestResult(lrs, 2.3 - 2 / (1 + 1e-2 / lrs), stop_reason=StopReason.COMPLETED)


def test_earlier_sweeps_are_in_the_picture_with_their_names():
    earlier = swept(1e-4, 1e-1)
    (axes,) = swept().plot([("In [3]", earlier)]).axes
    assert line(axes, "In [3]").get_xdata().tolist() == earlier.lrs.tolist()
    assert "In [3]" in words(axes)


def test_an_earlier_sweep_with_other_losses_has_room_on_the_axis():
    high = swept()
    high.losses = high.losses + 10
    (axes,) = swept().plot([("high", high), ("empty", RangeTestResult(np.array([]), np.array([])))]).axes
    low, top = axes.get_ylim()
    assert low < 0.4
    assert top > 12.3


def test_a_choice_beyond_the_sweep_is_named_and_does_not_stretch_the_axis():
    result = swept()
    result.lr = 1e9
    (axes,) = result.plot().axes
    assert axes.get_xlim()[1] < 100
    assert "chosen 1e9" in words(axes)
