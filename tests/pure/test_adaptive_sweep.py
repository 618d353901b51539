from __future__ import annotations

import numpy as np
import pytest

from lr_magic.pure.curve_reading.adaptive_sweep import AdaptiveSweep, Move
from lr_magic.pure.errors import SettingError


def loss_at(lr: float) -> float:
    return 2.3 - 1.8 / (1 + (1e-3 / lr) ** 1.5) + 0.05 * float(np.expm1(min(lr / 0.15, 30)))


def run(sweep: AdaptiveSweep, loss=loss_at, noise=0.02, **options):
    generator = np.random.default_rng(0)
    lrs, losses = [], []
    while (move := sweep.next_move(lrs, losses, **options)).lr is not None and not move.is_restart:
        lrs.append(move.lr)
        losses.append(loss(move.lr) + generator.normal(0, noise))
    return np.array(lrs), np.array(losses), move


def test_large_strides_where_it_is_flat_and_fine_ones_where_it_bends():
    lrs, _, last = run(AdaptiveSweep())
    strides = np.diff(np.log10(lrs))
    assert strides[:8] == pytest.approx([0.25] * 8)
    assert strides[lrs[:-1] > 1e-2] == pytest.approx(0.1, rel=0.01)
    assert last == Move(None)


def test_half_the_steps_of_the_usual_sweep():
    assert len(run(AdaptiveSweep())[0]) < 65


def test_ends_soon_after_the_blow_up():
    lrs, losses, _ = run(AdaptiveSweep())
    assert losses[-1] > losses[0]
    assert lrs[-1] < 3


def test_goes_on_past_ten_where_nothing_blows_up():
    lrs, _, _ = run(AdaptiveSweep(), loss=lambda lr: 2.3 - 1.8 / (1 + 1 / lr))
    assert 10 < lrs[-1] < 100.1


def test_starts_lower_where_the_first_rates_are_too_high():
    _, _, last = run(AdaptiveSweep(start_lr=0.8))
    assert last.is_restart
    assert last.lr == pytest.approx(0.8e-3)


def test_looks_again_where_the_fall_was_hidden_by_noise():
    lrs = (1e-6 * 10 ** (np.arange(28) / 4)).tolist()
    losses = [2.0, 2.6] * 12 + [40.0] * 4
    last = AdaptiveSweep().next_move(lrs, losses)
    assert last == Move(pytest.approx(lrs[-1] * 10**-3.5), is_restart=True)


def test_a_second_pass_strides_finely_and_never_restarts():
    lrs, _, end = run(AdaptiveSweep(start_lr=1e-4), noise=1.0, is_second_pass=True)
    assert np.diff(np.log10(lrs)) == pytest.approx(0.1, rel=0.01)
    assert end == Move(None)


def test_non_finite_ends_it():
    assert AdaptiveSweep().next_move([1e-6] * 20, [2.3] * 19 + [float("nan")], is_second_pass=True) == Move(None)


def test_scale_and_shift_of_the_loss_do_not_matter():
    plain = run(AdaptiveSweep())[0]
    assert run(AdaptiveSweep(), loss=lambda lr: 50 * loss_at(lr), noise=1.0)[0] == pytest.approx(plain)


def test_bad_ranges_are_refused():
    with pytest.raises(SettingError, match="highest_lr must be finite and above start_lr"):
        AdaptiveSweep(start_lr=1.0, highest_lr=0.1)
