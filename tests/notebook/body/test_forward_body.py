from __future__ import annotations

import copy
import functools

import pytest
import torch
from torch import nn

from lr_magic.notebook.body import setup_from_body
from lr_magic.notebook.discovery.request import DiscoveryRequest
from lr_magic.pure.errors import DiscoveryError
from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.validation import validate

CLAUSE = "for images, labels in train_loader"
REQUEST = DiscoveryRequest(magic="fit_one_cycle")
FULL = """
model.train()
optimizer.zero_grad()
outputs = model(images)
loss = criterion(outputs, labels)
loss.backward()
nn.utils.clip_grad_norm_(model.parameters(), 0.1)
optimizer.step()
scheduler.step()
acc = (outputs.argmax(1) == labels).float().mean()
"""


@pytest.fixture
def notebook(notebook):
    notebook["scheduler"] = torch.optim.lr_scheduler.StepLR(notebook["optimizer"], 1)
    return notebook


def found(notebook, body=FULL, clause=CLAUSE, **options):
    return setup_from_body(clause, body, notebook, request=REQUEST, **options).setup


def reference_validation(notebook):
    model = copy.deepcopy(notebook["model"]).eval()
    images, labels = notebook["valid_loader"].dataset.tensors
    with torch.no_grad():
        out = model(images)
        accuracy = (out.argmax(1) == labels).float().mean().item()
        return nn.functional.cross_entropy(out, labels).item(), accuracy


def test_validation_is_the_same_body_without_its_updates(notebook):
    loss, metrics = validate(found(notebook))
    expected_loss, expected_accuracy = reference_validation(notebook)
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    assert metrics == pytest.approx({"acc": expected_accuracy})


def test_validation_changes_nothing(notebook):
    model, optimizer = notebook["model"], notebook["optimizer"]
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    names, weights, gradients = dict(notebook), copy.deepcopy(model.state_dict()), [p.grad for p in model.parameters()]
    state, scheduled = copy.deepcopy(optimizer.state_dict()), notebook["scheduler"].state_dict()
    attributes = [set(vars(value)) for value in (model, optimizer, notebook["scheduler"])]
    validate(found(notebook))
    assert notebook == names
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert all(p.grad is g and bool((g == 1).all()) for p, g in zip(model.parameters(), gradients, strict=True))
    assert optimizer.state_dict() == state
    assert notebook["scheduler"].state_dict() == scheduled
    assert [set(vars(value)) for value in (model, optimizer, notebook["scheduler"])] == attributes
    assert model.training


@pytest.mark.parametrize(
    "clause", ["for i, (images, labels) in enumerate(train_loader)", "for images, labels in iter(train_loader)"]
)
def test_the_validation_loader_takes_the_place_of_the_training_loader(notebook, clause):
    assert validate(found(notebook, clause=clause))[0] == pytest.approx(reference_validation(notebook)[0], rel=1e-6)


def test_no_validation_where_the_clause_draws_from_two_loaders(notebook):
    clause = "for (images, labels), _ in zip(train_loader, other_loader)"
    notebook["other_loader"] = notebook["train_loader"]
    discovered = setup_from_body(clause, FULL, notebook, request=REQUEST)
    assert discovered.setup.valid_loader is None
    assert any(finding.role == "valid" and "not clear" in finding.description for finding in discovered.findings)


def test_a_function_that_does_everything_does_not_train_on_validation_data(notebook):
    source = """
def train_step(x, y):
    optimizer.zero_grad()
    value = criterion(model(x), y)
    value.backward()
    optimizer.step()
    return value.item()
"""
    exec(source, notebook)
    weights = copy.deepcopy(notebook["model"].state_dict())
    loss, _ = validate(found(notebook, "current = train_step(images, labels)"))
    assert loss == pytest.approx(reference_validation(notebook)[0], rel=1e-6)
    assert all(torch.equal(value, weights[name]) for name, value in notebook["model"].state_dict().items())


KEEPER = """
class Keeper:
    def __init__(self, model):
        self.hidden = {hidden}
    def step(self, loss):
        loss.backward()
        {optimizer}.step()
keeper = Keeper(model)
"""
KEPT_STEP = "loss = criterion(model(images), labels)\nkeeper.step(loss)"


def test_an_optimizer_kept_deep_in_an_object_does_not_train_on_validation_data(notebook):
    hidden = "{'deep': [torch.optim.SGD(model.parameters(), lr=1.0)]}"
    exec(KEEPER.format(hidden=hidden, optimizer="self.hidden['deep'][0]"), notebook)
    weights = copy.deepcopy(notebook["model"].state_dict())
    loss, _ = validate(found(notebook, KEPT_STEP))
    assert loss == pytest.approx(reference_validation(notebook)[0], rel=1e-6)
    assert all(torch.equal(value, weights[name]) for name, value in notebook["model"].state_dict().items())


def test_an_optimizer_out_of_sight_is_refused_before_it_trains_on_validation_data(notebook):
    notebook["cache"] = functools.cache
    hidden = "cache(lambda: torch.optim.SGD(model.parameters(), lr=1.0))"
    exec(KEEPER.format(hidden=hidden, optimizer="self.hidden()"), notebook)
    weights = copy.deepcopy(notebook["model"].state_dict())
    with pytest.raises(DiscoveryError, match="validation data"):
        validate(found(notebook, KEPT_STEP))
    assert all(torch.equal(value, weights[name]) for name, value in notebook["model"].state_dict().items())


def test_a_scaler_is_not_updated_by_validation(notebook):
    notebook["scaler"] = scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    body = """
loss = criterion(model(images), labels)
scaler.scale(loss).backward()
scaler.unscale_(optimizer)
scaler.step(optimizer)
scaler.update()
"""
    before = scaler.state_dict()
    loss, _ = validate(found(notebook, body))
    assert loss == pytest.approx(reference_validation(notebook)[0], rel=1e-6)
    assert scaler.state_dict() == before


def test_the_validation_loss_of_an_accumulating_body_has_the_scale_of_its_training_loss(notebook):
    body = """
loss = criterion(model(images), labels) / 2
loss.backward()
if (i + 1) % 2 == 0:
    optimizer.step()
    optimizer.zero_grad()
"""
    setup = found(notebook, body, "for i, (images, labels) in enumerate(train_loader)")
    fit_one_cycle(setup, steps=6, max_lr=0.01)
    assert validate(setup)[0] == pytest.approx(reference_validation(notebook)[0], rel=1e-6)


def test_a_step_that_a_pass_leaves_unfinished_does_not_count(notebook):
    told = []
    notebook["told"] = told.append
    body = """
loss = criterion(model(images), labels) / 4
loss.backward()
told((i, loss.item()))
if i % 4 == 3:
    optimizer.step()
    optimizer.zero_grad()
"""
    clause = "for i, (images, labels) in enumerate(train_loader)"
    del notebook["valid_loader"]
    history = fit_one_cycle(found(notebook, body, clause), steps=3, max_lr=0.01)
    # six batches in a pass: the last two make no step
    pieces = [loss for i, loss in told if i < 4]
    sums = [sum(pieces[start : start + 4]) for start in range(0, 12, 4)]
    assert [step.loss for step in history.steps] == pytest.approx(sums, rel=1e-5)


def test_training_leaves_trained_weights_and_no_names(notebook):
    notebook["losses"] = []
    names, before = dict(notebook), copy.deepcopy(notebook["model"].state_dict())
    groups = [set(group) for group in notebook["optimizer"].param_groups]
    history = fit_one_cycle(found(notebook, FULL + "losses.append(loss.item())\nlast = loss"), epochs=2, max_lr=0.1)
    assert notebook == names
    assert not torch.equal(before["0.weight"], notebook["model"].state_dict()["0.weight"])
    # the training is the person's: what they collect is theirs
    assert notebook["losses"] == pytest.approx([step.loss for step in history.steps])
    assert [set(group) for group in notebook["optimizer"].param_groups] == groups
    assert notebook["optimizer"].param_groups[0]["lr"] == 0.1
    assert notebook["scheduler"].last_epoch == 0


def test_training_over_a_body_is_training_without_one(notebook):
    twin = copy.deepcopy({name: notebook[name] for name in ("model", "optimizer")})
    random = torch.get_rng_state()
    fit_one_cycle(found(notebook), epochs=2, max_lr=0.1)
    torch.set_rng_state(random)
    from lr_magic.training.setup import TrainingSetup

    setup = TrainingSetup.supervised(
        twin["model"],
        twin["optimizer"],
        notebook["train_loader"],
        nn.functional.cross_entropy,
        valid_loader=notebook["valid_loader"],
        clip_norm=0.1,
    )
    fit_one_cycle(setup, epochs=2, max_lr=0.1)
    own = notebook["model"].state_dict()
    assert all(torch.equal(value, own[name]) for name, value in twin["model"].state_dict().items())


def test_metrics_are_followed_by_epoch(notebook):
    history = fit_one_cycle(found(notebook), epochs=2, max_lr=0.1)
    assert [set(epoch.metrics) for epoch in history.epochs] == [{"acc"}, {"acc"}]
    assert history.epochs[-1].metrics["acc"] == pytest.approx(reference_validation(notebook)[1])
