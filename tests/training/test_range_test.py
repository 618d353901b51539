from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from lr_magic.pure.errors import BatchError, SettingError
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.sweeping.range_test import range_test

from .fingerprint import fingerprint
from .small_setups import small_setup


def test_a_sweep_reaches_both_ends_and_leaves_no_trace():
    setup = small_setup()
    before = fingerprint(setup)
    result = range_test(setup, start_lr=1e-5, end_lr=1e-1, num_steps=30, stop_when_diverged=False)
    assert fingerprint(setup) == before
    assert (result.lrs[0], result.lrs[-1], len(result.lrs)) == (1e-5, 1e-1, 30)
    assert result.stop_reason is StopReason.COMPLETED
    assert result.receipt == "restored: 9 tensors, optimizer state, RNG"


def test_two_sweeps_give_the_same_curve():
    setup = small_setup()
    first, second = range_test(setup, num_steps=20), range_test(setup, num_steps=20)
    assert np.array_equal(first.losses, second.losses)


def test_an_error_of_the_model_carries_the_partial_result():
    setup = small_setup()
    before = fingerprint(setup)
    calls = []

    def fail(module, args):  # noqa: ARG001
        calls.append(module)
        if len(calls) == 5:
            raise RuntimeError("the model's own words")

    setup.model[0].register_forward_pre_hook(fail)
    before = fingerprint(setup)
    with pytest.raises(RuntimeError, match="own words") as caught:
        range_test(setup)
    result = caught.value.lr_magic_result
    assert len(result.losses) == 4
    assert result.stop_reason is StopReason.FAILED
    assert result.stop_detail == "RuntimeError: the model's own words"
    assert fingerprint(setup) == before


@pytest.mark.parametrize(
    "settings",
    [
        {"start_lr": 0},
        {"end_lr": 1e-9},
        {"num_steps": 0},
        {"batches_per_lr": 0},
        {"seconds": -1},
        {"divergence_factor": 1},
    ],
)
def test_bad_settings_are_refused_before_anything_is_touched(settings):
    setup = small_setup()
    before = fingerprint(setup)
    with pytest.raises(SettingError):
        range_test(setup, **settings)
    assert fingerprint(setup) == before


def test_an_empty_loader_is_refused():
    with pytest.raises(BatchError, match="no batch"):
        range_test(small_setup(loader=[]))


def test_lbfgs_is_refused_with_a_reason():
    with pytest.raises(SettingError, match="closure"):
        small_setup(optimizer=torch.optim.LBFGS)


def test_the_step_that_is_called_is_the_one_whose_closure_counts():
    def step(closure):
        return closure()

    setup = small_setup(optimizer=torch.optim.SGD)
    setup.optimizer.step = step
    with pytest.raises(SettingError, match="closure"):
        replace(setup)
    lbfgs = torch.optim.LBFGS(setup.model.parameters())
    lbfgs.step = partial(lbfgs.step, closure=lambda: None)
    assert replace(setup, optimizer=lbfgs).optimizer is lbfgs
