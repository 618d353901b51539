from __future__ import annotations

import numpy as np

from lr_magic.pure.cycle.blow_up import BlowUpWatch
from lr_magic.pure.results.stop_reason import StopReason


def reports(losses, watch=None):
    watch = watch or BlowUpWatch()
    return [(step, found) for step, loss in enumerate(losses) if (found := watch.update(loss)) is not None]


FALL = [2.0 / (1 + step / 10) for step in range(60)]


def test_a_noisy_fall_is_calm():
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert reports(np.array(FALL) + rng.normal(0, 0.15, 60)) == []


def test_a_spike_is_reported_once_until_the_loss_is_down_again():
    spike = [5.0] * 6
    found = reports([*FALL, *spike, *FALL[30:], *spike])
    assert found == [(62, StopReason.DIVERGED), (98, StopReason.DIVERGED)]


def test_one_bad_batch_is_no_blow_up():
    assert reports([*FALL, 50.0, *FALL[50:], float("nan"), *FALL[50:], float("inf"), float("nan")]) == []


def test_three_losses_that_are_no_numbers_are_the_end():
    watch = BlowUpWatch()
    assert reports([*FALL, *[float("nan")] * 5], watch) == [(62, StopReason.NON_FINITE)]
    assert watch.is_dead
    watch.forget_spike()
    assert watch.is_calm


def test_a_loss_without_a_lower_bound_is_no_calm_one():
    watch = BlowUpWatch()
    assert reports(FALL, watch) == []
    watch.update(float("-inf"))
    assert not watch.is_calm
    assert reports([float("-inf")] * 2, watch) == [(1, StopReason.NON_FINITE)]


def falls_with_trouble(seed):
    rng = np.random.default_rng(seed)
    level, losses = 2.0, []
    for _ in range(rng.choice([20, 100, 400])):
        level = level * rng.choice([0.97, 0.99, 1.0]) + (rng.choice([0.3, 1, 3, 10]) if rng.random() < 0.01 else 0)
        losses.append(level + rng.normal(0, 0.05))
        losses += [float("nan")] * (rng.choice([1, 3, 5]) if rng.random() < 0.005 else 0)
    return losses


def test_calm_losses_that_are_looked_at_together_hide_no_blow_up(monkeypatch):
    courses = [falls_with_trouble(seed) for seed in range(300)]
    together = [reports(losses) for losses in courses]
    monkeypatch.setattr("lr_magic.pure.cycle.blow_up._MOST_WAITING", 1)
    singly = [reports(losses) for losses in courses]
    assert sum(map(len, singly)) > 300
    for found, expected in zip(together, singly, strict=True):
        assert [reason for _, reason in found] == [reason for _, reason in expected]
        assert all(0 <= late - step < 8 for (late, _), (step, _) in zip(found, expected, strict=True))
