from __future__ import annotations

import copy

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader

from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.setup import TrainingSetup
from lr_magic.training.sweeping.range_test import range_test

from . import endings
from .fingerprint import fingerprint, trained
from .small_setups import small_data

OPTIMIZERS = {
    "SGD": lambda groups: torch.optim.SGD(groups, lr=0.1),
    "momentum": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda groups: torch.optim.Adam(groups, lr=1e-3, weight_decay=0.1),
    "AdamW": lambda groups: torch.optim.AdamW(groups, lr=1e-3, amsgrad=True),
    "RMSprop": lambda groups: torch.optim.RMSprop(groups, lr=1e-3, centered=True),
    "Adagrad": lambda groups: torch.optim.Adagrad(groups, lr=1e-2),
    "Adadelta": lambda groups: torch.optim.Adadelta(groups, lr=1.0),
    "NAdam": lambda groups: torch.optim.NAdam(groups, lr=1e-3),
    "RAdam": lambda groups: torch.optim.RAdam(groups, lr=1e-3),
    "Rprop": lambda groups: torch.optim.Rprop(groups, lr=1e-2),
    "Adafactor": lambda groups: torch.optim.Adafactor(groups, lr=1e-2),
}
MIDDLES = {
    "ReLU": nn.ReLU,
    "BatchNorm": lambda: nn.BatchNorm1d(6),
    "running mean": lambda: nn.BatchNorm1d(6, momentum=None),
    "LayerNorm": lambda: nn.LayerNorm(6),
    "Dropout": lambda: nn.Dropout(0.3),
    "PReLU": nn.PReLU,
    "Linear": lambda: nn.Linear(6, 6),
}


@st.composite
def setups(draw):
    """Any stack of layers, frozen here and there, any optimizer over any split into groups, used before or not."""
    torch.manual_seed(draw(st.integers(0, 99)))
    names = draw(st.lists(st.sampled_from(sorted(MIDDLES)), max_size=5))
    model = nn.Sequential(nn.Linear(6, 6), *(MIDDLES[name]() for name in names), nn.Linear(6, 2))
    for module in model[:-1]:
        module.requires_grad_(draw(st.integers(0, 3)) > 0)
        module.train(draw(st.integers(0, 3)) > 0)
    parameters = list(model.parameters())
    cut = draw(st.integers(0, len(parameters) - 1))
    groups = [{"params": part, "lr": lr} for part, lr in ((parameters[:cut], 1e-4), (parameters[cut:], 1e-2)) if part]
    optimizer = OPTIMIZERS[draw(st.sampled_from(sorted(OPTIMIZERS)))](groups)
    loader = DataLoader(small_data(40), draw(st.sampled_from([7, 16, 64])), shuffle=True)
    options = {"accumulate": draw(st.integers(1, 3)), "clip_norm": draw(st.sampled_from([None, 0.5]))}
    setup = TrainingSetup.supervised(model, optimizer, loader, nn.CrossEntropyLoss(), **options)
    for _ in range(draw(st.integers(0, 2))):
        setup.compute_loss(next(iter(loader))).loss.backward()
        optimizer.step()
    return setup


def an_ending(data, setup):
    """A setup that ends in any way, after any number of calls."""
    place = data.draw(st.sampled_from(endings.PLACES))
    action = data.draw(st.sampled_from([endings.interrupt, endings.fail_with(endings.OwnError())]))
    return place(setup, action)


slow = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@slow
@given(setups(), st.data())
def test_any_setup_is_left_as_it_was_however_the_sweep_ends(setup, data):
    setup = an_ending(data, setup)
    before = fingerprint(setup)
    steps = data.draw(st.integers(1, 12))
    try:
        result = range_test(setup, num_steps=steps, start_lr=1e-5, end_lr=data.draw(st.sampled_from([1e-3, 10.0])))
    except (KeyboardInterrupt, endings.OwnError) as error:
        result = error.lr_magic_result
    assert fingerprint(setup) == before
    assert len(result.losses) <= steps
    assert "NOT" not in result.receipt


@slow
@given(setups(), st.integers(1, 9), st.integers(1, 9))
def test_any_training_is_the_same_after_a_sweep(setup, sweep_steps, fit_steps):
    model, optimizer = copy.deepcopy((setup.model, setup.optimizer))
    other = TrainingSetup.supervised(
        model,
        optimizer,
        setup.train_loader,
        nn.CrossEntropyLoss(),
        accumulate=setup.accumulate,
        clip_norm=setup.clip_norm,
    )
    range_test(setup, num_steps=sweep_steps)
    state = torch.get_rng_state()
    fit_one_cycle(setup, steps=fit_steps, max_lr=1e-2)
    torch.set_rng_state(state)
    fit_one_cycle(other, steps=fit_steps, max_lr=1e-2)
    assert trained(setup) == trained(other)
