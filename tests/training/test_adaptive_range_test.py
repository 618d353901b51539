from __future__ import annotations

import signal

import numpy as np
import pytest
import torch

from lr_magic.pure.control import RunControl
from lr_magic.pure.curve_reading.adaptive_sweep import HIGHEST_LR, START_LR
from lr_magic.pure.curve_reading.divergence import DivergenceRule
from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.range_test_result import RangeTestResult
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.intercepting.interception_range_test import intercepted_range_test
from lr_magic.training.loss_fetching import LateFetcher
from lr_magic.training.sweeping import sweep as sweep_module
from lr_magic.training.sweeping.range_test import range_test
from lr_magic.training.sweeping.sweep import Sweep
from lr_magic.training.sweeping.sweep_settings import SweepSettings

from .fingerprint import fingerprint
from .small_setups import small_setup

CPU = torch.device("cpu")


def clean_loss(lr):
    return 2.3 - 1.8 / (1 + (1e-3 / lr) ** 1.5) + 0.05 * float(np.expm1(min(lr / 0.15, 30)))


class HiddenFall:
    """Losses whose fall large strides do not see for noise; the second look has none."""

    def __init__(self):
        self.num_steps = 0
        self.last_lr = 0.0
        self.is_second = False

    def __call__(self, lr):
        self.is_second |= lr < self.last_lr
        self.last_lr = lr
        self.num_steps += 1
        noise = 0.0 if self.is_second or lr > 0.3 else 2.0 * (-1) ** self.num_steps
        return clean_loss(lr) + noise


def one_optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)


def looks(loss_of, settings=None):
    """Drive a sweep look after look with losses that depend on the rate; all rates, the records and the sweep."""
    optimizer, seen, records = one_optimizer(), [], []
    sweep = Sweep(settings or SweepSettings(), [optimizer], CPU, on_step=records.append)
    while True:
        while sweep.begin_step():
            seen.append(optimizer.param_groups[0]["lr"])
            sweep.end_step(torch.tensor(loss_of(seen[-1])))
        if not sweep.begin_again():
            return seen, records, sweep


def test_half_the_steps_of_a_plain_sweep_from_the_same_curve():
    seen, _, sweep = looks(clean_loss)
    plain = looks(clean_loss, settings=SweepSettings(num_steps=100))[0]
    assert len(seen) < 0.6 * len(plain)
    assert seen[0] == START_LR
    assert sweep.stop_reason is StopReason.DIVERGED
    assert sweep.result().suggestion is not None


def test_goes_on_to_the_highest_rate_where_nothing_blows_up():
    seen, _, sweep = looks(lambda lr: 2.3 - 1.8 / (1 + 1 / lr))
    assert 10 ** (-0.1) * HIGHEST_LR < seen[-1] <= HIGHEST_LR * 1.0001
    assert sweep.stop_reason is StopReason.COMPLETED


def test_a_second_look_where_the_first_one_shows_nothing():
    seen, records, sweep = looks(HiddenFall())
    back = next(i for i, (lr, before) in enumerate(zip(seen[1:], seen, strict=False), 1) if lr < before)
    assert seen[back] == pytest.approx(seen[back - 1] * 10**-3.5)
    assert [record.step for record in records] == [*range(back), *range(len(seen) - back)]
    result = sweep.result()
    assert result.lrs.tolist() == seen[back:]
    rule = DivergenceRule()
    assert [i for i, loss in enumerate(result.losses) if rule.update(loss)][:1] == [len(result.losses) - 1]
    assert result.suggestion is not None


def test_there_is_no_third_look():
    generator = np.random.default_rng(0)
    seen, _, _ = looks(lambda lr: generator.normal(2.0, 0.5) if lr < 0.1 else 50.0)
    assert sum(lr < before for lr, before in zip(seen[1:], seen, strict=False)) == 1


def test_a_plain_sweep_never_looks_again():
    generator = np.random.default_rng(0)
    settings = SweepSettings(num_steps=50)
    seen, _, _ = looks(lambda lr: generator.normal(2.0, 0.5) if lr < 0.1 else 50.0, settings=settings)
    assert seen == sorted(seen)


def test_a_second_look_that_is_ended_keeps_what_the_first_one_saw_above_and_below():
    loss_of, control = HiddenFall(), RunControl()
    optimizer = one_optimizer()
    sweep = Sweep(SweepSettings(), [optimizer], CPU, control=control)

    def make_steps(num_steps):
        lrs = []
        while len(lrs) < num_steps and sweep.begin_step():
            lrs.append(optimizer.param_groups[0]["lr"])
            sweep.end_step(torch.tensor(loss_of(lrs[-1])))
        return lrs

    first = make_steps(1000)
    assert sweep.begin_again()
    second = make_steps(10)
    control.stop()
    assert not sweep.begin_step()
    result = sweep.result()
    assert result.stop_reason is StopReason.STOPPED
    below, above = ([lr for lr in first if lr < second[0]], [lr for lr in first if lr > second[-1]])
    assert result.lrs.tolist() == below + second + above
    assert len(result.losses) == len(result.lrs)
    assert not sweep.begin_again()


def test_late_losses_change_no_rate(monkeypatch):
    expected, records, _ = looks(HiddenFall())
    monkeypatch.setattr(sweep_module, "fetcher_for", lambda _: LateFetcher(clock=lambda: 0.0))
    seen, late_records, _ = looks(HiddenFall())
    assert late_records == records
    # The end is seen late: the steps after it are made, and not recorded.
    back = [next(i for i in range(1, len(lrs)) if lrs[i] < lrs[i - 1]) for lrs in (seen, expected)]
    assert seen[back[0] : back[0] + 20] == expected[back[1] : back[1] + 20]


@pytest.mark.parametrize(
    "planned",
    [{"start_lr": 1e-7}, {"end_lr": 10.0}, {"num_steps": 100}, {"batches_per_lr": 2}, {"linear": True},
     {"seconds": 1.0}, {"stop_when_diverged": False}],
)  # fmt: skip
def test_whatever_is_planned_makes_a_plain_sweep(planned):
    settings = SweepSettings(**planned)
    assert not settings.is_adaptive
    assert (settings.range.start_lr, settings.range.end_lr, settings.range.num_steps) == (1e-7, 10.0, 100)
    assert settings.in_one_pass() is settings
    assert SweepSettings(divergence_factor=3.0).is_adaptive


def test_the_settings_of_a_result_say_what_was_planned_and_go_through_json():
    by_losses = looks(clean_loss)[2].result()
    plain = looks(clean_loss, settings=SweepSettings(num_steps=20))[2].result()
    assert (by_losses.settings["start_lr"], by_losses.settings["num_steps"]) == (None, None)
    assert (plain.settings["start_lr"], plain.settings["end_lr"], plain.settings["num_steps"]) == (1e-7, 10.0, 20)
    for result in (by_losses, plain):
        assert RangeTestResult.from_json(result.to_json()).settings == result.settings


def test_a_start_above_the_usual_end_is_refused_with_both_numbers():
    with pytest.raises(SettingError, match="20"):
        SweepSettings(start_lr=20.0)


def two_looks(setup, monkeypatch):
    """Make every blow-up of the first look ask for a second one."""
    monkeypatch.setattr(sweep_module, "second_look_from", lambda lrs, _: lrs[-1] * 10**-3.5)
    return setup


def test_a_second_look_sees_the_batches_and_random_numbers_of_the_first_and_leaves_no_trace(monkeypatch):
    setup = two_looks(small_setup(optimizer=torch.optim.SGD), monkeypatch)
    before = fingerprint(setup)
    records = []
    result = range_test(setup, on_step=records.append)
    assert fingerprint(setup) == before
    starts = [i for i, record in enumerate(records) if record.step == 0]
    assert len(starts) == 2
    assert records[starts[1]].loss == records[0].loss
    assert len(result.losses) == len(records) - starts[1]
    assert "NOT" not in result.receipt


@pytest.mark.parametrize("place", ["between the looks", "in the second look"])
def test_an_interrupt_around_a_second_look_leaves_no_trace_and_keeps_the_first(monkeypatch, place):
    setup = two_looks(small_setup(optimizer=torch.optim.SGD), monkeypatch)
    before = fingerprint(setup)
    records = []

    def on_step(record):
        records.append(record)
        if place == "in the second look" and record.step == 3 and len(records) > 4:
            signal.raise_signal(signal.SIGINT)

    if place == "between the looks":
        begin_again = Sweep.begin_again

        def interrupted(sweep):
            begin_again(sweep)
            signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(Sweep, "begin_again", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        range_test(setup, on_step=on_step)
    assert fingerprint(setup) == before
    result = caught.value.lr_magic_result
    assert result.stop_reason is StopReason.INTERRUPTED
    assert len(result.losses) > 10
    assert np.all(np.diff(result.lrs) > 0)
    assert "NOT" not in result.receipt


def test_two_sweeps_choose_the_same_rates():
    setup = small_setup()
    first, second = range_test(setup), range_test(setup)
    assert np.array_equal(first.lrs, second.lrs)
    assert np.array_equal(first.losses, second.losses)


def test_a_loop_of_ones_own_is_swept_evenly_and_once():
    setup = small_setup(optimizer=torch.optim.SGD)

    def train():
        for _ in range(30):
            for inputs, labels in setup.train_loader:
                setup.optimizer.zero_grad()
                torch.nn.functional.cross_entropy(setup.model(inputs), labels).backward()
                setup.optimizer.step()

    result = intercepted_range_test(train)
    assert np.diff(np.log10(result.lrs)) == pytest.approx(8 / 99)
    assert result.lrs[0] == 1e-7
    assert (result.settings["end_lr"], result.settings["num_steps"]) == (10.0, 100)
