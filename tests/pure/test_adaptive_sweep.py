from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest

from lr_magic.pure.curve_reading.adaptive_sweep import (
    HIGHEST_LR,
    START_LR,
    AdaptiveStrides,
    most_steps_left,
    second_look_from,
)


def loss_at(lr):
    return 2.3 - 1.8 / (1 + (1e-3 / lr) ** 1.5) + 0.05 * float(np.expm1(min(lr / 0.15, 30)))


def rates(strides, loss=loss_at, noise=0.02):
    """All rates up to the highest, and whether the strides were still large when each was chosen."""
    generator = np.random.default_rng(0)
    lrs, were_large = [], []
    while True:
        were_large.append(strides.are_large)
        lr = strides.next_lr()
        if lr is None:
            return np.array(lrs), were_large
        lrs.append(lr)
        strides.take(loss(lr) + generator.normal(0, noise))


def test_four_rates_per_decade_while_it_is_flat_and_ten_from_the_first_movement_on():
    lrs, were_large = rates(AdaptiveStrides())
    first_fine = were_large.index(False)
    assert lrs[: first_fine - 1] == pytest.approx(START_LR * 10 ** (np.arange(first_fine - 1) / 4))
    assert np.diff(np.log10(lrs[first_fine - 1 :])) == pytest.approx(0.1)
    assert 1e-4 < lrs[first_fine] < 3e-3
    assert not any(were_large[first_fine:])


@pytest.mark.parametrize("amplitude", [0.0, 0.1])
def test_a_flat_curve_is_crossed_in_large_strides_up_to_the_highest_rate(amplitude):
    signs = cycle((1, -1))
    lrs, _ = rates(AdaptiveStrides(), loss=lambda _: 2.3 + amplitude * next(signs), noise=0.0)
    assert lrs == pytest.approx(np.geomspace(START_LR, HIGHEST_LR, 29))


def test_a_rise_is_a_movement_too():
    signs = cycle((1, -1))
    lrs, _ = rates(AdaptiveStrides(), loss=lambda lr: 2.3 + 5 * min(lr, 1.0) + 0.1 * next(signs), noise=0.0)
    strides = np.diff(np.log10(lrs))
    assert strides[lrs[:-1] < 0.01] == pytest.approx(0.25)
    assert strides[lrs[:-1] > 0.3] == pytest.approx(0.1)


def test_scale_and_shift_of_the_loss_do_not_matter():
    plain = rates(AdaptiveStrides())[0]
    assert rates(AdaptiveStrides(), loss=lambda lr: 50 * loss_at(lr) - 30, noise=1.0)[0] == pytest.approx(plain)


def test_a_second_look_goes_fifteen_rates_per_decade_all_the_way():
    lrs, were_large = rates(AdaptiveStrides(1e-4, is_second_look=True))
    assert lrs == pytest.approx(np.geomspace(1e-4, HIGHEST_LR, 76))
    assert not any(were_large)


def test_no_second_look_where_the_first_has_an_answer():
    lrs = np.geomspace(1e-6, 1, 50)
    assert second_look_from(lrs.tolist(), [loss_at(lr) for lr in lrs]) is None


def test_a_second_look_from_below_the_blow_up_where_noise_hid_the_fall():
    lrs = (1e-6 * 10 ** (np.arange(28) / 4)).tolist()
    losses = [2.0, 2.6] * 12 + [40.0] * 4
    assert second_look_from(lrs, losses) == pytest.approx(lrs[-1] * 10**-3.5)


def test_a_second_look_from_below_the_start_where_the_first_rates_were_too_high():
    lrs = (1e-6 * 10 ** (np.arange(9) / 4)).tolist()
    assert second_look_from(lrs, [2.0, 2.1, 2.0, 2.2, 1.9, 2.1, 1e3, 1e5, float("nan")]) < 1e-6


@pytest.mark.parametrize("is_second_look", [False, True])
def test_the_most_steps_left_are_those_of_a_sweep_in_fine_strides(is_second_look):
    strides = AdaptiveStrides(1e-3, is_second_look=True)
    lrs, _ = rates(strides) if is_second_look else (1e-3 * 10 ** (np.arange(41) / 10), None)
    left = [most_steps_left(lr, is_second_look=is_second_look) for lr in lrs]
    assert left == list(range(len(lrs) - 1, -1, -1))
