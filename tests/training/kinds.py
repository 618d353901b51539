"""Kinds of models, optimizers and loaders that a notebook may hold, each as a setup of its own."""

from __future__ import annotations

import itertools
import random
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.utils.data import DataLoader, IterableDataset, Sampler, TensorDataset

from lr_magic.training.batches import move
from lr_magic.training.setup import BatchOutcome, TrainingSetup

from .small_setups import place, small_data, small_model, small_setup


def warm(setup):
    """Let an optimizer have state and the model gradients, as in the middle of a notebook."""
    batch = move(next(iter(setup.train_loader)), setup.target_device)
    setup.compute_loss(batch).loss.backward()
    setup.optimizer.step()
    return setup


def plain():
    return small_setup()


def sgd_momentum_warm():
    return warm(small_setup(optimizer=lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9), lr=0.1))


def adamw_warm():
    return warm(small_setup())


def sgd_without_momentum():
    return small_setup(optimizer=torch.optim.SGD)


def rmsprop_adagrad_groups():
    model = small_model()
    groups = [{"params": model[0].parameters(), "lr": 1e-4}, {"params": model[4].parameters(), "lr": 1e-2}]
    return warm(small_setup(model=model, optimizer=lambda _, lr: torch.optim.RMSprop(groups, lr=lr, momentum=0.5)))


def rate_in_tensor():
    return warm(small_setup(optimizer=lambda p, lr: torch.optim.Adam(p, lr=torch.tensor(lr), foreach=False)))


def capturable():
    """Rate and step counts are tensors on the device; on the CPU torch refuses the latter."""
    rate, on_device = torch.tensor(1e-3, device=place.device), place.device.type != "cpu"
    options = {"lr": rate, "capturable": on_device, "foreach": False}
    return warm(small_setup(optimizer=lambda p, **_: torch.optim.Adam(p, **options)))


def fused():
    return warm(small_setup(optimizer=lambda p, lr: torch.optim.AdamW(p, lr=lr, fused=True)))


class SparseLookup(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 2, sparse=True)

    def forward(self, x):
        return self.table((x[:, 0].abs() * 4).long().clamp(max=9))


def sparse():
    return warm(small_setup(model=SparseLookup(), optimizer=torch.optim.SparseAdam))


def amsgrad_foreach():
    return warm(small_setup(optimizer=lambda p, lr: torch.optim.Adam(p, lr=lr, amsgrad=True, foreach=True)))


def frozen():
    model = small_model()
    model[0].requires_grad_(False)
    return warm(small_setup(model=model))


def frozen_batch_norm():
    model = small_model()
    model[1].eval()
    return warm(small_setup(model=model))


def whole_model_in_eval():
    setup = small_setup()
    setup.model.eval()
    return setup


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False)
        self.decoder.weight = self.encoder.weight
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.decoder(torch.relu(self.encoder(x))))


def tied():
    return warm(small_setup(model=Tied()))


def bf16():
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)).to(torch.bfloat16)
    data = TensorDataset(small_data().tensors[0].bfloat16(), small_data().tensors[1])
    return warm(small_setup(model=model, loader=DataLoader(data, 16, shuffle=True)))


def parametrized():
    model = nn.Sequential(
        parametrizations.weight_norm(nn.Linear(6, 8)), nn.ReLU(), parametrizations.spectral_norm(nn.Linear(8, 2))
    )
    return warm(small_setup(model=model))


def lazy():
    return small_setup(model=nn.Sequential(nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(2)))


class Stateful(nn.Module):
    """A model with a memory, a counter, random numbers of every source and a buffer that is not saved."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 2)
        self.register_buffer("seen", torch.zeros(2), persistent=False)
        self.memory = torch.zeros(2)
        self.calls, self.log, self.cache, self.counts = 0, [], {}, np.zeros(3)
        self.numpy_generator = np.random.default_rng(3)
        self.torch_generator = torch.Generator().manual_seed(3)

    def forward(self, x):
        self.calls += 1
        self.log.append(self.calls)
        self.counts += 1
        self.cache[self.calls] = x
        noise = random.random() + np.random.rand() + self.numpy_generator.random()  # noqa: NPY002
        out = self.layer(x + 0.01 * noise + 0.01 * torch.randn(x.shape, generator=self.torch_generator).to(x))
        self.seen += out.detach().mean(0)
        self.memory += 1
        self.last = out
        return out


def stateful_warm():
    """A model with lists that are not empty any more."""
    return warm(stateful())


def adamw_fresh():
    return small_setup()


def stateful():
    return small_setup(model=Stateful())


class MomentumEncoder(nn.Module):
    """A frozen copy that follows the trained one by replacing its data (as MoCo and BYOL do)."""

    def __init__(self):
        super().__init__()
        self.query, self.key = nn.Linear(6, 2), nn.Linear(6, 2).requires_grad_(False)

    def forward(self, x):
        with torch.no_grad():
            for q, k in zip(self.query.parameters(), self.key.parameters(), strict=True):
                k.data = 0.9 * k.data + 0.1 * q.data
        return self.query(x) + self.key(x).detach()


def momentum_encoder():
    return small_setup(model=MomentumEncoder())


class Teacher(nn.Module):
    """A frozen copy that is written into, out of autograd's sight, in every forward pass."""

    def __init__(self):
        super().__init__()
        self.student, self.teacher = nn.Linear(6, 2), nn.Linear(6, 2).requires_grad_(False)

    def forward(self, x):
        for s, t in zip(self.student.parameters(), self.teacher.parameters(), strict=True):
            t.data.mul_(0.9).add_(0.1 * s.detach())
        return self.student(x) + self.teacher(x)


def teacher():
    torch._dynamo.reset()  # nothing compiled is left from other tests
    return small_setup(model=Teacher())


def quantisation_aware():
    model = nn.Sequential(
        torch.ao.quantization.QuantStub(),
        nn.Linear(6, 8),
        nn.ReLU(),
        nn.Linear(8, 2),
        torch.ao.quantization.DeQuantStub(),
    )
    model.qconfig = torch.ao.quantization.get_default_qat_qconfig("x86")
    torch.ao.quantization.prepare_qat(model.train(), inplace=True)
    return small_setup(model=model)


def hooked():
    setup = small_setup()
    setup.model[0].register_forward_hook(lambda *_: None)
    setup.model[0].weight.register_hook(lambda grad: grad * 2)
    setup.optimizer.register_step_post_hook(lambda *_: None)
    return warm(setup)


def scheduled():
    setup = small_setup()
    torch.optim.lr_scheduler.OneCycleLR(setup.optimizer, 1e-2, total_steps=10)
    return setup


def with_scaler():
    return warm(
        small_setup(amp="bf16", scaler=torch.amp.GradScaler(place.device.type, init_scale=8.0, growth_interval=2))
    )


def clipped_and_accumulated():
    return warm(small_setup(accumulate=2, clip_norm=0.5))


def compiled():
    setup = small_setup()
    model = torch.compile(setup.model, backend="eager")
    return TrainingSetup.supervised(model, setup.optimizer, setup.train_loader, nn.CrossEntropyLoss())


class Counting(nn.Module):
    """A module whose attributes TorchScript keeps: numbers, a list, a tensor that is no buffer, a buffer."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(6)
        self.calls, self.log, self.memory = 0, [0], torch.zeros(2)
        self.register_buffer("seen", torch.zeros(6), persistent=False)

    def forward(self, x):
        self.calls += 1
        self.log.append(self.calls)
        self.memory = self.memory + 1
        self.seen += x.mean(0)
        return self.norm(x)


def scripted():
    model = nn.Sequential(torch.jit.script(Counting()), nn.Linear(6, 2))
    return warm(small_setup(model=model))


def traced_in_eval():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        model = torch.jit.trace(small_model().cpu(), small_data().tensors[0][:4], check_trace=False)
    return small_setup(model=model.eval())


def data_parallel():
    model = nn.DataParallel(small_model())
    if place.device.type == "cpu":
        model.device_ids = []  # where torch sees devices, it wants the model on them
    return small_setup(model=model)


def with_generator():
    generator = torch.Generator().manual_seed(5)
    return small_setup(loader=DataLoader(small_data(), 16, shuffle=True, generator=generator))


class CountingSampler(Sampler):
    """A sampler with state of its own: a counter, a generator, a weight per sample."""

    def __init__(self, length):
        self.length, self.position, self.epochs = length, 0, []
        self.generator = np.random.default_rng(1)
        self.weights = torch.ones(length)

    def __iter__(self):
        self.epochs.append(self.position)
        for index in self.generator.permutation(self.length):
            self.position += 1
            self.weights[index] *= 0.9
            yield int(index)

    def __len__(self):
        return self.length


def own_sampler():
    return small_setup(loader=DataLoader(small_data(), 16, sampler=CountingSampler(96)))


class DrawingSampler(Sampler):
    """A sampler that draws from an iterator that it holds, and never begins anew."""

    def __init__(self, order):
        self.order = iter(order)

    def __iter__(self):
        return itertools.islice(self.order, 96)


def own_sampler_with_an_iterator():
    order = np.random.default_rng(2).integers(0, 96, 20_000).tolist()
    return small_setup(loader=DataLoader(small_data(), 16, sampler=DrawingSampler(order)))


class Stream(IterableDataset):
    """A stream without a length, with a position and random augmentation."""

    def __init__(self):
        self.position = 0

    def __iter__(self):
        for x, y in small_data(40):
            self.position += 1
            yield x + 0.01 * np.random.rand(), y  # noqa: NPY002


def stream():
    return small_setup(loader=DataLoader(Stream(), 16))


def list_of_batches():
    return small_setup(loader=list(DataLoader(small_data(), 16)))


def dict_batches():
    model = small_model()
    x, y = small_data().tensors
    loader = [{"x": x[i : i + 16], "extra": {"y": y[i : i + 16], "name": "a"}} for i in range(0, 96, 16)]
    return TrainingSetup(
        model,
        torch.optim.AdamW(model.parameters()),
        loader,
        lambda batch: BatchOutcome(nn.functional.cross_entropy(model(batch["x"]), batch["extra"]["y"])),
    )


@dataclass(frozen=True)
class OwnStep:
    """A person's own step, with all it may do to the model."""

    compute_loss: Any
    model: nn.Module

    def __call__(self, batch, update):
        outcome = self.compute_loss(batch)
        update.backward(outcome.loss)
        update.step()
        return outcome


class UnfreezingStep(OwnStep):
    """Unfreezes a layer, registers a hook, leaves the step to the engine."""

    def __call__(self, batch, update):
        self.model[0].requires_grad_(True)
        self.model[0].register_forward_hook(lambda *_: None)
        self.model[0].weight.register_hook(lambda grad: grad)
        outcome = self.compute_loss(batch)
        update.backward(outcome.loss)
        return outcome


def own_step():
    setup = small_setup()
    return replace(setup, train_batch=OwnStep(setup.compute_loss, setup.model))


def own_step_that_unfreezes():
    setup = small_setup()
    setup.model[0].requires_grad_(False)
    return replace(setup, train_batch=UnfreezingStep(setup.compute_loss, setup.model))


def own_step_that_owns_it():
    setup = small_setup()
    return replace(setup, train_batch=OwnStep(setup.compute_loss, setup.model), owns_step=True)


class SchedulingStep(OwnStep):
    """Steps a scheduler that leaves no mark on the optimizer."""

    def __call__(self, batch, update):
        outcome = super().__call__(batch, update)
        self.model.scheduler_of_the_notebook().step(outcome.loss.detach())
        return outcome


def own_step_that_schedules():
    setup = small_setup()
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(setup.optimizer)
    setup.model.scheduler_of_the_notebook = lambda: scheduler
    return replace(setup, train_batch=SchedulingStep(setup.compute_loss, setup.model))


KINDS = [
    plain,
    sgd_momentum_warm,
    adamw_warm,
    sgd_without_momentum,
    rmsprop_adagrad_groups,
    rate_in_tensor,
    capturable,
    amsgrad_foreach,
    fused,
    sparse,
    frozen,
    frozen_batch_norm,
    whole_model_in_eval,
    tied,
    bf16,
    parametrized,
    lazy,
    stateful,
    momentum_encoder,
    teacher,
    quantisation_aware,
    hooked,
    scheduled,
    with_scaler,
    clipped_and_accumulated,
    compiled,
    scripted,
    traced_in_eval,
    data_parallel,
    with_generator,
    own_sampler,
    own_sampler_with_an_iterator,
    stream,
    list_of_batches,
    dict_batches,
    own_step,
    own_step_that_unfreezes,
    own_step_that_owns_it,
    own_step_that_schedules,
    stateful_warm,
]
