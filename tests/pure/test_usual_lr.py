from __future__ import annotations

import math

import pytest

from lr_magic.pure.curve_reading.optimizer_kind import OptimizerKind
from lr_magic.pure.curve_reading.usual_lr import towards_usual

LOG_LRS = [step / 20 for step in range(-160, 41)]  # 1e-8 to 100


def moved(log_lr, kind):
    return towards_usual(log_lr, kind) - log_lr


@pytest.mark.parametrize(
    ("kind", "usual"), [(OptimizerKind.SGD, 1.0), (OptimizerKind.MOMENTUM, 0.2), (OptimizerKind.ADAM, 0.01)]
)
def test_rates_close_to_the_usual_one_go_most_of_the_way(kind, usual):
    at = math.log10(usual)
    assert towards_usual(at, kind) == pytest.approx(at)
    for decades in (-0.1, 0.1):
        assert 0.5 < moved(at + decades, kind) / -decades <= 0.6


@pytest.mark.parametrize("kind", list(OptimizerKind))
def test_no_rate_moves_by_a_factor_of_two_and_one_far_away_stays(kind):
    moves = [moved(log_lr, kind) for log_lr in LOG_LRS]
    assert 0.2 < max(map(abs, moves)) < math.log10(2)
    assert abs(moves[0]) < 1e-6


@pytest.mark.parametrize("kind", list(OptimizerKind))
def test_of_two_rates_the_higher_one_stays_the_higher(kind):
    answers = [towards_usual(log_lr, kind) for log_lr in LOG_LRS]
    assert answers == sorted(set(answers))


def test_another_optimizer_has_no_usual_rate():
    assert all(moved(log_lr, None) == 0 for log_lr in LOG_LRS)
