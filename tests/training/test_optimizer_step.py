"""Steps of an optimizer without torch's profiler range and hooks: the same weights, and no hook is ever left out."""

from __future__ import annotations

import pytest
import torch
from torch.optim import optimizer as torch_optimizer

from lr_magic import TrainingSetup, fit_one_cycle
from lr_magic.training.optimizer_step import OptimizerStep

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "adamw-foreach": lambda p: torch.optim.AdamW(p, lr=0.01, foreach=True),
    "adam-fused": lambda p: torch.optim.Adam(p, lr=0.01, fused=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01),
    "own": lambda p: OwnOptimizer(p, {"lr": 0.1}),
}


class OwnOptimizer(torch.optim.Optimizer):
    """Plain gradient descent, written by hand as tutorials do."""

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.sub_(group["lr"] * parameter.grad)


def trained(make, steps):
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = make(model.parameters())
    step = steps(optimizer)
    for _ in range(4):
        optimizer.zero_grad()
        model(torch.ones(5, 3)).pow(2).mean().backward()
        step()
    return [*model.parameters(), *(v for state in optimizer.state.values() for v in state.values())]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_weights_are_those_of_the_wrapped_step(name):
    ours, plain = (trained(OPTIMIZERS[name], steps) for steps in (OptimizerStep, lambda optimizer: optimizer.step))
    assert all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(ours, plain, strict=True))


@pytest.fixture
def optimizer():
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.ones(2)
    return torch.optim.SGD([parameter], lr=0.1)


def register_globally(where):
    return {
        "pre": torch_optimizer.register_optimizer_step_pre_hook,
        "post": torch_optimizer.register_optimizer_step_post_hook,
    }[where]


@pytest.mark.parametrize("where", ["pre", "post"])
@pytest.mark.parametrize("is_global", [False, True])
def test_a_hook_is_called_as_long_as_it_is_registered(optimizer, where, is_global):
    step, calls = OptimizerStep(optimizer), []
    step()
    register = register_globally(where) if is_global else getattr(optimizer, f"register_step_{where}_hook")
    handle = register(lambda *_: calls.append(where))
    step()
    handle.remove()
    step()
    assert calls == [where]


def test_a_scheduler_attached_later_sees_the_steps(optimizer):
    step = OptimizerStep(optimizer)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    step()
    scheduler.step()  # warns where it has seen no step
    assert optimizer._opt_called


def test_a_profile_names_the_steps(optimizer):
    step = OptimizerStep(optimizer)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step()
    assert "Optimizer.step#SGD.step" in {event.name for event in profile.events()}


def test_a_replaced_step_is_the_one_that_is_made(optimizer):
    step, calls = OptimizerStep(optimizer), []
    optimizer.step = lambda: calls.append("own")
    step()
    assert calls == ["own"]


def test_a_hook_of_the_person_is_called_in_every_step_of_a_training(optimizer):
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batches = [(torch.ones(4, 2), torch.ones(4, 1))] * 3
    calls = []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    fit_one_cycle(TrainingSetup.supervised(model, optimizer, batches, torch.nn.MSELoss()), epochs=2, max_lr=0.1)
    assert len(calls) == 6
