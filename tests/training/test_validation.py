from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from lr_magic.pure.errors import BatchError
from lr_magic.training.epoch_metrics import EpochMeans, weighted_mean
from lr_magic.training.setup import TrainingSetup
from lr_magic.training.validation import validate

from .small_setups import accuracy, small_data, small_setup


def setup_with(valid_loader, **options):
    return small_setup(valid_loader=valid_loader, metrics={"accuracy": accuracy}, **options)


def test_loss_and_metrics_are_means_over_the_samples_not_the_batches():
    data = small_data(50)
    setup = setup_with(torch.utils.data.DataLoader(data, 32))  # batches of 32 and 18
    loss, metrics = validate(setup)
    setup.model.eval()
    output = setup.model(data.tensors[0])
    assert loss == pytest.approx(nn.functional.cross_entropy(output, data.tensors[1]).item(), rel=1e-5)
    assert metrics["accuracy"] == pytest.approx(accuracy(output, data.tensors[1]).item(), rel=1e-5)


def test_it_runs_in_eval_mode_without_gradients_and_leaves_every_flag():
    seen = []
    setup = setup_with(torch.utils.data.DataLoader(small_data(20), 10))
    setup.model[1].eval()
    setup.model.register_forward_hook(lambda m, *_: seen.append((m.training, torch.is_grad_enabled())))
    validate(setup)
    assert seen == [(False, False)] * 2
    assert [module.training for module in setup.model] == [True, False, True, True, True]


def test_the_flags_come_back_after_an_error():
    setup = setup_with(torch.utils.data.DataLoader(small_data(20), 10))
    broken = replace(setup, compute_loss=lambda batch: 1 / 0)  # noqa: ARG005
    with pytest.raises(ZeroDivisionError):
        validate(broken)
    assert all(module.training for module in setup.model.modules())


def test_without_data_there_is_nothing_to_validate():
    assert validate(small_setup()) is None


def test_an_empty_loader_is_an_error():
    with pytest.raises(BatchError, match="no batch"):
        validate(setup_with([]))


def test_means_take_numbers_and_tensors():
    means = EpochMeans()
    means.add({"a": 1.0, "b": torch.tensor(2.0)}, 1)
    means.add({"a": 4, "b": torch.tensor([5.0])}, 3)
    assert means.read() == {"a": 3.25, "b": 4.25}
    means.add({"b": torch.tensor(1e45, dtype=torch.float64)}, 4)
    assert means.read()["b"] == 5e44 + 2.125
    assert weighted_mean([], []) != weighted_mean([], [])


def test_metrics_are_computed_on_training_batches_only_where_there_is_no_validation_data():
    calls = []

    def metric(output, target):
        calls.append(output.requires_grad)
        return accuracy(output, target)

    model = nn.Linear(6, 2)
    parts = (model, torch.optim.SGD(model.parameters(), lr=0.1), [small_data(8).tensors], nn.CrossEntropyLoss())
    for valid_loader, expected in ((None, 1), ([small_data(8).tensors], 0)):
        setup = TrainingSetup.supervised(*parts, metrics={"metric": metric}, valid_loader=valid_loader)
        calls.clear()
        setup.compute_loss(small_data(8).tensors)
        assert len(calls) == expected
