"""The bars of the default rule, on stored trainings that it was not tuned on."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.regret.__main__ import is_trained_already, is_tuned_on
from benchmarks.regret.evaluate import RANGES, SEEDS, STEPS, spread_ratios
from benchmarks.regret.regret import Truth
from benchmarks.regret.store import nine_tasks, own_tasks
from benchmarks.regret.suggesters import by_rule, comparison, constant

GRID = np.array([1e-3, 1e-2, 1e-1])
TRUTH = Truth(GRID, np.array([[0.8, 0.8], [0.2, 0.2], [np.nan, 0.6]]), untrained=1.0)


def regrets(tasks, suggester):
    return [
        [task.truths[1.0].regret(lr) for lr in (suggester(task, i, 1.0) for i in range(6)) if lr is not None]
        for task in tasks
    ]


@pytest.fixture(scope="module")
def held_out():
    return [task for task in own_tasks() if not (is_tuned_on(task) or is_trained_already(task))]


@pytest.fixture(scope="module")
def spread_of_held_out(held_out):
    return spread_ratios(held_out)


def test_regret_by_hand():
    assert TRUTH.means.tolist() == [0.8, 0.2, 0.8]
    assert TRUTH.regret(1e-2) == 0.0
    assert TRUTH.regret(1e-3) == pytest.approx(0.75)
    assert TRUTH.regret(10**-2.5) == pytest.approx((0.4 - 0.2) / 0.8)
    assert TRUTH.regret(1e-9) == pytest.approx(0.75)
    assert TRUTH.regret(None) == 1.0


def test_close_means_ten_percent_or_two_deviations():
    assert TRUTH.is_close(1e-2)
    assert not TRUTH.is_close(1e-3)
    noisy = Truth(GRID, np.array([[0.5, 0.7], [0.2, 0.6], [0.9, 0.9]]), untrained=1.0)
    assert noisy.is_close(1e-3)


def test_on_the_nine_classic_tasks():
    by_task = regrets(nine_tasks(), by_rule("bottom"))
    assert all(len(row) == 6 for row in by_task)  # an answer from every sweep
    means = [np.mean(row) for row in by_task]
    assert np.mean(means) < 0.045
    assert max(means) <= 0.35


def test_on_the_generated_tasks_that_were_not_tuned_on(held_out):
    means = [np.mean(row) for row in regrets(held_out, by_rule("bottom")) if row]
    assert np.mean(means) < 0.045
    assert max(means) <= 0.35


@pytest.mark.parametrize("sweeps", [SEEDS, STEPS, RANGES])
def test_another_sweep_of_the_same_task_moves_the_answer_by_less_than_two(spread_of_held_out, sweeps):
    assert np.median(spread_of_held_out[sweeps]) < 2


def test_better_than_the_best_constant():
    nine = nine_tasks()
    ours, theirs = (np.mean(regrets(nine, s)) for s in (by_rule("bottom"), constant(1e-2, 1e-1)))
    assert ours < 0.7 * theirs


def test_a_comparison_is_better_still():
    nine = nine_tasks()
    ours = by_rule("bottom")
    assert np.mean(regrets(nine, comparison(ours))) < min(0.036, np.mean(regrets(nine, ours)))
