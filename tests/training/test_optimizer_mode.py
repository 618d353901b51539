from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader

from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.sweeping.range_test import range_test

from .fingerprint import fingerprint
from .small_setups import small_data, small_setup


class TwoSetsOfWeights(torch.optim.SGD):
    """Refuses to step unless it was told that steps follow; looked at, the model has the averaged weights."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, lr=lr)
        self.is_training, self.calls = False, []

    def train(self):
        self.is_training = True
        self.calls.append("train")

    def eval(self):
        self.is_training = False
        self.calls.append("eval")

    def step(self, closure=None):
        assert self.is_training, "not in train mode"
        return super().step(closure)


def test_a_sweep_steps_in_training_mode_and_leaves_no_trace():
    setup = small_setup(optimizer=TwoSetsOfWeights)
    before = fingerprint(setup)
    result = range_test(setup, num_steps=5)
    assert len(result.losses) == 5
    assert fingerprint(setup) == before
    assert (setup.optimizer.is_training, setup.optimizer.calls) == (False, [])


def test_a_training_looks_at_the_model_in_evaluation_mode():
    setup = small_setup(optimizer=TwoSetsOfWeights, valid_loader=DataLoader(small_data(), batch_size=32))
    fit_one_cycle(setup, epochs=2, max_lr=1e-2)
    assert setup.optimizer.calls == ["train", "eval", "train", "eval", "train"]


@pytest.mark.parametrize("name", ["train", "eval"])
def test_another_method_of_that_name_is_not_called(name):
    setup = small_setup(optimizer=torch.optim.SGD)
    setattr(setup.optimizer, name, lambda: pytest.fail("called"))
    assert len(range_test(setup, num_steps=2).losses) == 2
