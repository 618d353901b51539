from __future__ import annotations

import math

import pytest
import torch
from torch.utils.data import DataLoader

from lr_magic.pure.control import RunControl
from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.probing.comparison import compare
from lr_magic.training.validation import validate

from .fingerprint import fingerprint
from .small_setups import small_data, small_model, small_setup


def validated_setup(**options):
    return small_setup(valid_loader=DataLoader(small_data(40), batch_size=20), **options)


def test_everything_is_put_back():
    setup = validated_setup()
    before = fingerprint(setup)
    result = compare(setup, [1e-3, 1e-2], steps=12)
    assert fingerprint(setup) == before
    assert result.stop_reason is StopReason.COMPLETED
    assert result.receipt.startswith("restored: 9 tensors")


def test_each_trial_is_the_training_it_stands_for():
    setup = validated_setup()
    trial = compare(setup, [1e-2, 3e-2], steps=6).trials[1]
    history = fit_one_cycle(setup, steps=6, max_lr=3e-2)
    assert [step.loss for step in history.steps] == list(trial.losses)
    assert validate(setup)[0] == pytest.approx(trial.final_loss)


def test_trials_see_the_same_batches_and_random_numbers():
    first, second = compare(small_setup(), [1e-2, 1.1e-2], steps=8).trials
    assert first.losses[0] == second.losses[0]


def test_a_good_rate_wins_over_a_tiny_and_a_huge_one():
    result = compare(validated_setup(), [1e-7, 2e-2, 1e4], steps=40)
    assert result.winner.lr == 2e-2


def test_a_lost_trial_is_dropped_early():
    setup = small_setup(optimizer=torch.optim.SGD)
    result = compare(setup, [0.1, 1e6], steps=60)
    lost = result.trials[1]
    assert lost.final_loss == math.inf
    assert len(lost.losses) < 60
    assert lost.stop_reason is not StopReason.COMPLETED


def test_a_single_rate_is_compared_with_its_neighbours():
    rates = [trial.lr for trial in compare(small_setup(), [1e-3], steps=6, num_trials=3).trials]
    assert rates[:2] == pytest.approx([1e-3, 1e-3 * 10 ** (1 / 3)])
    assert len(rates) == 3


def test_groups_keep_their_ratio():
    model = small_model()
    groups = [{"params": model[0].parameters(), "lr": 1e-4}, {"params": model[4].parameters(), "lr": 1e-3}]
    setup = small_setup(model=model)
    object.__setattr__(setup, "optimizer", torch.optim.SGD(groups))
    seen = []
    setup.optimizer.register_step_pre_hook(lambda opt, *_: seen.append([g["lr"] for g in opt.param_groups]))
    compare(setup, [0.5], steps=5, num_trials=1)
    assert all(low / high == pytest.approx(0.1) for low, high in seen)
    assert max(high for _, high in seen) == pytest.approx(0.5, rel=0.1)


def test_steps_and_trials_are_told():
    steps, trials = [], []
    compare(
        small_setup(), [1e-3, 1e-2], steps=5, on_step=lambda lr, r: steps.append((lr, r.step)), on_trial=trials.append
    )
    assert steps == [(lr, i) for lr in (1e-3, 1e-2) for i in range(5)]
    assert [trial.lr for trial in trials] == [1e-3, 1e-2]


def test_stop_keeps_the_trials_that_are_done():
    setup = validated_setup()
    before = fingerprint(setup)
    control = RunControl()
    result = compare(setup, [1e-3, 1e-2, 1e-1], steps=10, on_trial=lambda _: control.stop(), control=control)
    assert [trial.lr for trial in result.trials] == [1e-3]
    assert result.stop_reason is StopReason.STOPPED
    assert fingerprint(setup) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_error_goes_on_with_the_partial_result_and_leaves_no_trace(error):
    setup = validated_setup()
    before = fingerprint(setup)

    def fail(lr, record):
        if lr == 1e-2 and record.step == 3:
            raise error

    with pytest.raises(error) as caught:
        compare(setup, [1e-3, 1e-2], steps=10, on_step=fail)
    assert [trial.lr for trial in caught.value.lr_magic_result.trials] == [1e-3]
    assert fingerprint(setup) == before


@pytest.mark.parametrize(
    ("lrs", "options", "message"),
    [
        ([], {"steps": 5}, "at least one learning rate"),
        ([1e-3, -1.0], {"steps": 5}, "finite number above 0; got -1"),
        ([1e-3], {"steps": 0}, "steps must be at least 1"),
        ([1e-3], {"steps": 5, "num_trials": 0}, "num_trials must be at least 1"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_touched(lrs, options, message):
    with pytest.raises(SettingError, match=message):
        compare(small_setup(), lrs, **options)
