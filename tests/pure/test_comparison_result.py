from __future__ import annotations

import math

import pytest

from lr_magic.pure.curve_reading.optimizer_kind import OptimizerKind
from lr_magic.pure.results.comparison_result import ComparisonResult, Trial, lowest_of_parabola, next_lr
from lr_magic.pure.results.stop_reason import StopReason


def trial(lr: float, final_loss: float) -> Trial:
    reason = StopReason.COMPLETED if math.isfinite(final_loss) else StopReason.DIVERGED
    return Trial(lr, (2.0, 1.5, final_loss), final_loss, reason)


def bowl(lr: float, lowest: float = -2.1) -> float:
    return math.exp((math.log10(lr) - lowest) ** 2)


def test_winner_is_the_lowest_and_never_one_that_diverged():
    result = ComparisonResult((trial(0.01, 0.5), trial(0.02, 0.4), trial(0.04, math.inf)), steps=10)
    assert result.winner.lr == 0.02
    assert ComparisonResult((trial(0.01, math.inf),), steps=10).winner is None


def test_a_parabola_is_found_exactly():
    trials = tuple(trial(lr, bowl(lr)) for lr in (0.004, 0.008, 0.02))
    assert lowest_of_parabola(trials) == pytest.approx(-2.1, abs=1e-9)


@pytest.mark.parametrize("losses", [(0.1, 0.2, 0.3), (0.3, 0.2, 0.1), (0.3, 0.1, math.inf), (-1.0, -1.0, -1.0)])
def test_without_a_bowl_the_best_trial_itself(losses):
    trials = tuple(trial(lr, loss) for lr, loss in zip((0.01, 0.02, 0.04), losses, strict=True))
    best = min(trials, key=lambda t: t.final_loss)
    assert lowest_of_parabola(trials) == pytest.approx(math.log10(best.lr), abs=0.16)


@pytest.mark.parametrize(("kind", "lowest", "highest"), [("sgd", 0.5, 0.8), ("momentum", 0.3, 0.5), ("adam", 0.2, 0.4)])
def test_the_answer_is_lower_for_a_training_ten_times_as_long_most_with_adam(kind, lowest, highest):
    trials = (trial(0.01, 0.5), trial(0.02, 0.4))
    short, longer = (
        ComparisonResult(trials, 100, total, optimizer_kind=OptimizerKind(kind)).lr for total in (100, 1000)
    )
    assert lowest < longer / short < highest


def test_next_lr_climbs_to_the_better_side():
    assert next_lr((trial(0.1, 1.0),), 2.0) == 0.2
    assert next_lr((trial(0.1, 1.0), trial(0.2, 0.5)), 2.0) == 0.4
    assert next_lr((trial(0.1, 1.0), trial(0.2, 1.5)), 2.0) == 0.05
    middle = next_lr((trial(0.05, 2.0), trial(0.1, 1.0), trial(0.2, 1.5)), 2.0)
    assert 0.1 < middle < 0.2


def test_a_rate_that_diverged_is_followed_by_a_lower_one():
    assert next_lr((trial(0.1, math.inf),), 2.0) == 0.05
    assert next_lr((trial(0.1, math.inf), trial(0.2, math.inf)), 2.0) == 0.05


def test_the_sentence_names_winner_length_and_answer():
    trials = (trial(0.01, 0.5), trial(0.02, 0.4))
    sentence = ComparisonResult(trials, 50, 200).sentence
    assert sentence.startswith("2e-2 wins against 1e-2")
    assert "training of 200 steps" in sentence
    assert "favours high rates" in ComparisonResult(trials, 50, is_validated=False).sentence
    assert ComparisonResult((trial(1.0, math.inf),), 50).sentence == "Every rate diverged: try lower ones."


def test_without_a_trial_that_ended_nothing_is_said_of_divergence():
    stopped = ComparisonResult((), 50, stop_reason=StopReason.INTERRUPTED)
    assert stopped.sentence == "No trial came to its end: interrupted."
    used_up = Trial(1.0, (0.5,), math.inf, StopReason.OUT_OF_BATCHES)
    assert "out of batches" in ComparisonResult((used_up,), 50, stop_reason=StopReason.COMPLETED).sentence


def test_json_round_trip():
    trials = (trial(0.01, 0.5), trial(0.02, math.inf))
    result = ComparisonResult(trials, 50, 200, True, StopReason.COMPLETED, "restored: 4 tensors", OptimizerKind.SGD)
    assert ComparisonResult.from_json(result.to_json()) == result
