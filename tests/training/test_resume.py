from __future__ import annotations

import random
import signal
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset, Sampler

from lr_magic.pure.control import RunControl
from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.fit_event import EventKind
from lr_magic.pure.results.fit_history import FitHistory
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.loss_fetching import LateFetcher
from lr_magic.training.metrics import named_metric

from .devices import each_device  # noqa: F401 - a fixture
from .fingerprint import bytes_of, plain, random_numbers
from .small_setups import accuracy, place, small_data, small_setup

EPOCHS, STEPS = 3, 18
NUMPY = np.random.mtrand._rand  # what `np.random.rand` draws from


def fresh_setup(**options):
    """The same setup each time: batch norm, dropout, a shuffled loader, validation."""
    torch.manual_seed(5)
    loader = DataLoader(small_data(), 16, shuffle=True, generator=torch.Generator().manual_seed(3))
    valid = DataLoader(small_data(40), 20)
    return small_setup(loader=loader, valid_loader=valid, metrics={"accuracy": accuracy}, **options)


def trained_state(setup):
    state = {name: bytes_of(tensor) for name, tensor in setup.model.state_dict().items()}
    return state, [plain(setup.optimizer.state[p]) for p in setup.model.parameters()]


def without_interrupt():
    return without_interrupt_on(place.device)


@cache
def without_interrupt_on(device):
    setup = fresh_setup()
    assert setup.target_device == device
    history = fit_one_cycle(setup, epochs=EPOCHS, max_lr=1e-2)
    return trained_state(setup), history, random_numbers()[2:]


def act_in_call(module, number, action):
    """Do something within the given call of a module."""
    calls = []

    def count(_module, _inputs):
        calls.append(1)
        if len(calls) == number:
            action()

    return module.register_forward_pre_hook(count)


def interrupt_in_call(module, number):
    """Let the process get a real interrupt within the given call of a module."""
    return act_in_call(module, number, lambda: signal.raise_signal(signal.SIGINT))


def assert_same_course(history, expected):
    assert history.steps == expected.steps
    assert [(e.epoch, e.train_loss, e.valid_loss, e.metrics) for e in history.epochs] == [
        (e.epoch, e.train_loss, e.valid_loss, e.metrics) for e in expected.epochs
    ]


# 6 training and 2 validation batches per epoch: every call is the middle of a step or of a validation
@pytest.mark.usefixtures("each_device")
@pytest.mark.parametrize("number", range(1, EPOCHS * 8 + 1))
def test_an_interrupt_anywhere_and_a_resume_give_the_weights_of_no_interrupt(number):
    expected_state, expected, expected_random = without_interrupt()
    setup = fresh_setup()
    # the last layer: batch norm and dropout have done their part of the step by then
    handle = interrupt_in_call(setup.model[4], number)
    with pytest.raises(KeyboardInterrupt) as caught:
        fit_one_cycle(setup, epochs=EPOCHS, max_lr=1e-2)
    handle.remove()
    partial = caught.value.lr_magic_result
    assert partial.stop_reason is StopReason.INTERRUPTED
    torch.manual_seed(99)  # whatever was done in between
    history = fit_one_cycle(setup, resume=partial)
    assert trained_state(setup) == expected_state
    assert history.stop_reason is StopReason.COMPLETED
    assert [event.kind for event in history.events] == [EventKind.RESUMED]
    assert_same_course(history, expected)
    assert random_numbers()[2:] == expected_random


def dropout_setup():
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.2), nn.Linear(8, 2))
    return small_setup(model=model, valid_loader=DataLoader(small_data(40), 20))


# An interrupt waits for the end of the step. An error does not, and dropout has drawn its numbers by then.
@pytest.mark.usefixtures("each_device")
@pytest.mark.parametrize("number", [1, 3, 7, 12])
def test_an_error_within_a_step_and_a_resume_give_the_weights_of_no_error(number):
    without = dropout_setup()
    expected = fit_one_cycle(without, epochs=EPOCHS, max_lr=1e-2)
    expected_random = random_numbers()[2:]
    setup = dropout_setup()
    handle = act_in_call(setup.model[2], number, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        fit_one_cycle(setup, epochs=EPOCHS, max_lr=1e-2)
    handle.remove()
    torch.manual_seed(99)
    history = fit_one_cycle(setup, resume=caught.value.lr_magic_result)
    assert_same_course(history, expected)
    assert trained_state(setup) == trained_state(without)
    assert random_numbers()[2:] == expected_random


@pytest.mark.parametrize("num_steps", [0, 1, 5, 6, 11, 17])
def test_a_stopped_training_can_go_on(num_steps):
    expected_state, expected, _ = without_interrupt()
    setup, control = fresh_setup(), RunControl()
    if num_steps == 0:
        control.stop()
    partial = fit_one_cycle(
        setup, epochs=EPOCHS, max_lr=1e-2, control=control,
        on_step=lambda record: control.stop() if record.step == num_steps - 1 else None,
    )  # fmt: skip
    assert (partial.stop_reason, len(partial.steps)) == (StopReason.STOPPED, num_steps)
    history = fit_one_cycle(setup, resume=partial)
    assert trained_state(setup) == expected_state
    assert_same_course(history, expected)


def test_two_interrupts_and_an_error_in_one_training():
    expected_state, expected, _ = without_interrupt()
    setup, history = fresh_setup(), None
    for number, error in ((4, None), (3, RuntimeError("own words")), (9, None)):
        handle = interrupt_in_call(setup.model[0], number) if error is None else fail_in_loss(setup, number, error)
        settings = {"epochs": EPOCHS, "max_lr": 1e-2} if history is None else {"resume": history}
        with pytest.raises((KeyboardInterrupt, RuntimeError)) as caught:
            fit_one_cycle(setup, **settings)
        handle.remove()
        history = caught.value.lr_magic_result
    history = fit_one_cycle(setup, resume=history)
    assert trained_state(setup) == expected_state
    assert_same_course(history, expected)


def fail_in_loss(setup, number, error):
    """Raise before anything of a step has changed (an error later leaves a batch in the running statistics)."""
    calls = []

    def fail(_module, _inputs):
        calls.append(1)
        if len(calls) == number:
            raise error

    return setup.model[0].register_forward_pre_hook(fail)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
@pytest.mark.parametrize("has_generator", [True, False])
def test_accumulation_and_rates_by_layer(optimizer, has_generator):
    def make():
        torch.manual_seed(5)
        generator = torch.Generator().manual_seed(3) if has_generator else None
        loader = DataLoader(small_data(), 16, shuffle=True, generator=generator)
        return small_setup(loader=loader, accumulate=4, optimizer=optimizer)

    whole = make()
    fit_one_cycle(whole, epochs=3, max_lr=slice(1e-4, 1e-2))
    for number in (3, 4, 5, 8, 14):
        setup = make()
        handle = interrupt_in_call(setup.model[0], number)
        with pytest.raises(KeyboardInterrupt) as caught:
            fit_one_cycle(setup, epochs=3, max_lr=slice(1e-4, 1e-2))
        handle.remove()
        fit_one_cycle(setup, resume=caught.value.lr_magic_result)
        assert trained_state(setup) == trained_state(whole)


@pytest.mark.parametrize("number", range(1, 7))
def test_an_error_in_an_update_of_fewer_batches_loses_none(number):
    def make():
        torch.manual_seed(5)
        model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.2), nn.Linear(8, 2))
        return small_setup(model=model, loader=DataLoader(small_data(), 16, shuffle=True), accumulate=4)

    whole, calls = make(), []
    expected = fit_one_cycle(whole, epochs=3, max_lr=1e-2)
    setup = make()

    def fail(*_):
        calls.append(1)
        assert len(calls) != number

    handle = setup.optimizer.register_step_pre_hook(fail)
    with pytest.raises(AssertionError) as caught:
        fit_one_cycle(setup, epochs=3, max_lr=1e-2)
    handle.remove()
    assert_same_course(fit_one_cycle(setup, resume=caught.value.lr_magic_result), expected)
    assert trained_state(setup) == trained_state(whole)


def test_what_was_done_to_the_cycle_is_still_done_after_a_resume():
    def steer(control):
        def on_step(record):
            if record.step == 2:
                control.lower_peak(2.0)
            if record.step == 4:
                control.extend(steps=6)
            if record.step == 14:
                control.anneal(steps=4)

        return on_step

    whole, control = fresh_setup(), RunControl()
    expected = fit_one_cycle(whole, epochs=EPOCHS, max_lr=1e-2, control=control, on_step=steer(control))
    assert len(expected.steps) == 19
    setup, control = fresh_setup(), RunControl()
    handle = interrupt_in_call(setup.model[0], 12)
    with pytest.raises(KeyboardInterrupt) as caught:
        fit_one_cycle(setup, epochs=EPOCHS, max_lr=1e-2, control=control, on_step=steer(control))
    handle.remove()
    history = fit_one_cycle(setup, resume=caught.value.lr_magic_result, control=control, on_step=steer(control))
    assert trained_state(setup) == trained_state(whole)
    assert history.steps == expected.steps


@pytest.mark.parametrize("number", [1, 5, 7, 8, 9, 17, 24])
def test_a_checkpoint_goes_on_in_other_objects(tmp_path, number):
    expected_state, expected, _ = without_interrupt()
    setup, path = fresh_setup(), tmp_path / "fit.pt"
    interrupt_in_call(setup.model[0], number)
    with pytest.raises(KeyboardInterrupt):
        fit_one_cycle(setup, epochs=EPOCHS, max_lr=1e-2, checkpoint=path)
    other = fresh_setup()
    nn.init.zeros_(other.model[0].weight)
    torch.manual_seed(17)
    history = fit_one_cycle(other, resume=path)
    assert trained_state(other) == expected_state
    assert_same_course(history, expected)


@pytest.mark.parametrize("num_steps", [1, 5, 6, 11, 17])
def test_the_checkpoint_of_a_stopped_training_goes_on_within_its_epoch(tmp_path, num_steps):
    expected_state, expected, _ = without_interrupt()
    control = RunControl()
    fit_one_cycle(
        fresh_setup(), epochs=EPOCHS, max_lr=1e-2, control=control, checkpoint=tmp_path / "fit.pt",
        on_step=lambda record: control.stop() if record.step == num_steps - 1 else None,
    )  # fmt: skip
    other = fresh_setup()
    history = fit_one_cycle(other, resume=tmp_path / "fit.pt")
    assert trained_state(other) == expected_state
    assert_same_course(history, expected)


_KILLED = """
import sys, torch
sys.path.insert(0, {root!r})
from tests.training.test_resume import fresh_setup
from lr_magic.training.cycle.one_cycle import fit_one_cycle

def report(record):
    print(record.epoch, flush=True)
    if record.epoch == 2:
        sys.stdin.read()  # until it is killed

fit_one_cycle(fresh_setup(), epochs=3, max_lr=1e-2, checkpoint={path!r}, on_epoch=report)
"""


class ShuffledBy(Sampler):
    """A sampler with a generator of its own, under a name of its own."""

    def __init__(self, rng, permuted):
        self.rng, self.permuted = rng, permuted

    def __len__(self):
        return 96

    def __iter__(self):
        return iter(self.permuted(self.rng))


class ShuffledByEpoch(Sampler):
    """The order follows from a counter, as with torch's DistributedSampler; this one counts by itself."""

    def __init__(self):
        self.epoch = 0

    def __len__(self):
        return 96

    def __iter__(self):
        self.epoch += 1
        return iter(torch.randperm(96, generator=torch.Generator().manual_seed(self.epoch)).tolist())


class ShuffledInPlace(Sampler):
    """Each order is made from the one before."""

    def __init__(self):
        self.order = list(range(96))

    def __len__(self):
        return 96

    def __iter__(self):
        random.shuffle(self.order)
        return iter(list(self.order))


class OwnLoader:
    """No DataLoader, and the order is drawn as it goes on."""

    def __init__(self):
        self.dataset, self.rng = small_data(), np.random.default_rng(2)

    def __len__(self):
        return 6

    def __iter__(self):
        for _ in range(6):
            index = self.rng.choice(96, 16)
            yield self.dataset.tensors[0][index], self.dataset.tensors[1][index]


def by_sampler(sampler):
    return DataLoader(small_data(), 16, sampler=sampler)


ORDERS = {
    "torch": lambda: by_sampler(
        ShuffledBy(torch.Generator().manual_seed(1), lambda g: torch.randperm(96, generator=g).tolist())
    ),
    "numpy": lambda: by_sampler(ShuffledBy(np.random.default_rng(1), lambda g: g.permutation(96).tolist())),
    "numpy legacy": lambda: by_sampler(ShuffledBy(np.random.RandomState(1), lambda g: g.permutation(96).tolist())),
    "python": lambda: by_sampler(ShuffledBy(random.Random(1), lambda g: g.sample(range(96), 96))),
    "epoch": lambda: by_sampler(ShuffledByEpoch()),
    "in place": lambda: by_sampler(ShuffledInPlace()),
    "own loader": OwnLoader,
    "distributed": lambda: by_sampler(DistributedSampler(small_data(), num_replicas=1, rank=0)),
}


@pytest.mark.parametrize("number", [1, 6, 10])
@pytest.mark.parametrize("order", ORDERS)
def test_samplers_and_loaders_with_a_state_of_their_own_go_on_in_their_order(tmp_path, order, number):
    def make():
        torch.manual_seed(5)
        random.seed(5)
        return small_setup(loader=ORDERS[order]())

    whole = make()
    fit_one_cycle(whole, epochs=3, max_lr=1e-2)
    setup = make()
    handle = interrupt_in_call(setup.model[4], number)
    with pytest.raises(KeyboardInterrupt) as caught:
        fit_one_cycle(setup, epochs=3, max_lr=1e-2, checkpoint=tmp_path / "fit.pt")
    handle.remove()
    next(iter(setup.train_loader))  # whatever was done in between
    fit_one_cycle(setup, resume=caught.value.lr_magic_result)
    assert trained_state(setup) == trained_state(whole)
    if order == "in place":  # a file knows generators and the count of epochs, not what else a sampler consists of
        return
    other = make()
    next(iter(other.train_loader))
    fit_one_cycle(other, resume=tmp_path / "fit.pt")
    assert trained_state(other) == trained_state(whole)


class Noisy(Dataset):
    """Samples with noise from one of the sources that people's data sets draw it from."""

    def __init__(self, source):
        self.data, own = small_data(), np.random.default_rng(4)
        self.num_drawn, self.interrupted_at = 0, None
        self.draw = {
            "torch": lambda: torch.rand(()).item(),
            "python": random.random,
            "numpy": NUMPY.rand,
            "own": own.random,
        }[source]
        self.transforms = [own]

    def __len__(self):
        return 96

    def __getitem__(self, index):
        inputs, target = self.data[index]
        inputs = inputs + 0.1 * self.draw()
        self.num_drawn += 1
        if self.num_drawn == self.interrupted_at:
            signal.raise_signal(signal.SIGINT)
        return inputs, target


class NoisyStream(IterableDataset):
    """Holds the data set that draws."""

    def __init__(self, inner):
        self.inner = inner

    def __iter__(self):
        return (self.inner[index] for index in range(96))


class Mixing(nn.Module):
    """Draws in the step itself, from Python's and NumPy's random numbers."""

    def forward(self, inputs):
        return inputs * (1 + 0.1 * random.random() + 0.1 * NUMPY.rand()) if self.training else inputs


def noisy_setup(source, *, is_mixed):
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(5)
    model = nn.Sequential(Mixing() if is_mixed else nn.Identity(), nn.Linear(6, 8), nn.Dropout(0.2), nn.Linear(8, 2))
    loader = DataLoader(NoisyStream(Noisy(source)), 16)
    return small_setup(model=model, loader=loader)


# The 40th sample lies within the third batch of a pass, the 136th within that of the second one.
@pytest.mark.parametrize("where", ["loader, 40", "loader, 136", "step, 1", "step, 3", "step, 9"])
@pytest.mark.parametrize("is_mixed", [False, True])
@pytest.mark.parametrize("source", ["torch", "python", "numpy", "own"])
def test_noise_that_was_drawn_for_a_batch_without_a_step_is_drawn_again(tmp_path, source, is_mixed, where):
    whole = noisy_setup(source, is_mixed=is_mixed)
    expected = fit_one_cycle(whole, steps=STEPS, max_lr=1e-2)
    expected_random = random_numbers()
    setup, (place_of_error, number) = noisy_setup(source, is_mixed=is_mixed), where.split(", ")
    if place_of_error == "step":
        handle = act_in_call(setup.model[3], int(number), lambda: 1 / 0)
    else:
        setup.train_loader.dataset.inner.interrupted_at = int(number)
    with pytest.raises((ZeroDivisionError, KeyboardInterrupt)) as caught:
        fit_one_cycle(setup, steps=STEPS, max_lr=1e-2, checkpoint=tmp_path / "fit.pt")
    if place_of_error == "step":
        handle.remove()
    other = noisy_setup(source, is_mixed=is_mixed)
    for resumed, resume in ((setup, caught.value.lr_magic_result), (other, tmp_path / "fit.pt")):
        for seed in (torch.manual_seed, random.seed, np.random.seed):
            seed(99)
        assert fit_one_cycle(resumed, resume=resume).steps == expected.steps
        assert trained_state(resumed) == trained_state(whole)
        assert random_numbers() == expected_random


class ScheduleFree(torch.optim.SGD):
    """Steps and validates with different weights, by numbers that it keeps in its param groups."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, lr=lr, momentum=0.9)
        self.param_groups[0].update(count=0, sum=0.0, in_training=False)

    def train(self):
        self._swap(True)

    def eval(self):
        self._swap(False)

    @torch.no_grad()
    def _swap(self, in_training):
        for group in self.param_groups:
            if group["in_training"] != in_training:
                group["in_training"] = in_training
                for parameter in group["params"]:
                    state = self.state[parameter]
                    if in_training:
                        parameter.copy_(state.get("stepped", parameter))
                    else:
                        state["stepped"] = parameter.clone()
                        parameter.mul_(group["momentum"] + 0.01 * group["count"])

    def step(self, closure=None):
        for group in self.param_groups:
            assert group["in_training"]
            group["count"] += 1
            group["sum"] = group["sum"] + group["lr"]
            group["dampening"] = min(group["sum"], 0.5)
        return super().step(closure)


@pytest.mark.parametrize("has_file", [True, False])
def test_an_interrupt_on_the_way_to_where_a_training_was_left_changes_nothing(tmp_path, has_file):
    whole = noisy_setup("python", is_mixed=True)
    expected = fit_one_cycle(whole, steps=STEPS, max_lr=1e-2)
    setup, path = noisy_setup("python", is_mixed=True), tmp_path / "fit.pt"
    handle = interrupt_in_call(setup.model[3], 11)
    with pytest.raises(KeyboardInterrupt) as caught:
        fit_one_cycle(setup, steps=STEPS, max_lr=1e-2, checkpoint=path)
    handle.remove()
    samples = setup.train_loader.dataset.inner
    samples.num_drawn, samples.interrupted_at = 0, 40  # of the 80 that the pass has been through
    with pytest.raises(KeyboardInterrupt) as again:
        fit_one_cycle(setup, resume=path if has_file else caught.value.lr_magic_result)
    assert samples.num_drawn == 40
    assert fit_one_cycle(setup, resume=again.value.lr_magic_result).steps == expected.steps
    assert trained_state(setup) == trained_state(whole)


class InterruptedFetcher(LateFetcher):
    """An interrupt arrives while the losses of an epoch are waited for."""

    def finish(self):
        losses = super().finish()
        if losses:
            signal.raise_signal(signal.SIGINT)
        return losses


def test_no_loss_is_lost_to_an_interrupt_that_arrives_while_losses_are_waited_for(monkeypatch):
    expected_state, expected, _ = without_interrupt()
    setup = fresh_setup()
    with monkeypatch.context() as patched:
        patched.setattr("lr_magic.training.cycle.cycle_run.fetcher_for", lambda _: InterruptedFetcher(lambda: 0.0))
        with pytest.raises(KeyboardInterrupt) as caught:
            fit_one_cycle(setup, epochs=EPOCHS, max_lr=1e-2)
    assert len(caught.value.lr_magic_result.steps) == 6
    history = fit_one_cycle(setup, resume=caught.value.lr_magic_result)
    assert_same_course(history, expected)
    assert trained_state(setup) == expected_state


def test_an_interrupt_while_a_checkpoint_is_written_waits_until_it_is(tmp_path, monkeypatch):
    expected_state, expected, _ = without_interrupt()
    setup, path, save = fresh_setup(), tmp_path / "fit.pt", torch.save
    ways = []

    def interrupted_save(content, file):
        ways.append("in")
        signal.raise_signal(signal.SIGINT)
        save(content, file)
        ways.append("out")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", interrupted_save)
        with pytest.raises(KeyboardInterrupt) as caught:
            fit_one_cycle(setup, epochs=EPOCHS, max_lr=1e-2, checkpoint=path)
    assert ways == ["in", "out"] * (len(ways) // 2)
    assert len(caught.value.lr_magic_result.epochs) == 1
    other = fresh_setup()
    for resumed, resume in ((setup, caught.value.lr_magic_result), (other, path)):
        assert_same_course(fit_one_cycle(resumed, resume=resume), expected)
        assert trained_state(resumed) == expected_state


def test_a_callback_that_always_fails_leaves_a_training_that_can_go_on(monkeypatch):
    expected_state, expected, _ = without_interrupt()
    setup = fresh_setup()
    with monkeypatch.context() as patched:
        patched.setattr("lr_magic.training.loss_fetching._GROUP_SIZE", 2)
        patched.setattr("lr_magic.training.cycle.cycle_run.fetcher_for", lambda _: LateFetcher(lambda: 0.0))
        with pytest.raises(ZeroDivisionError) as caught:
            fit_one_cycle(setup, epochs=EPOCHS, max_lr=1e-2, on_step=lambda _: 1 / 0)
    history = fit_one_cycle(setup, resume=caught.value.lr_magic_result)
    assert_same_course(history, expected)
    assert trained_state(setup) == expected_state


# 6 training and 2 validation batches per epoch
@pytest.mark.parametrize("number", [3, 6, 7, 12, 15, 23])
@pytest.mark.parametrize("max_lr", [1e-2, slice(1e-3, 1e-2)])
def test_numbers_in_param_groups_and_two_sets_of_weights_go_on(tmp_path, number, max_lr):
    def make():
        torch.manual_seed(5)
        model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.2), nn.Linear(8, 2))
        return small_setup(model=model, optimizer=ScheduleFree, valid_loader=DataLoader(small_data(40), 20))

    whole = make()
    expected = fit_one_cycle(whole, epochs=EPOCHS, max_lr=max_lr)
    setup = make()
    handle = interrupt_in_call(setup.model[0], number)
    with pytest.raises(KeyboardInterrupt) as caught:
        fit_one_cycle(setup, epochs=EPOCHS, max_lr=max_lr, checkpoint=tmp_path / "fit.pt")
    handle.remove()
    other = make()
    for resumed, resume in ((setup, caught.value.lr_magic_result), (other, tmp_path / "fit.pt")):
        assert_same_course(fit_one_cycle(resumed, resume=resume), expected)
        assert trained_state(resumed) == trained_state(whole)
        assert resumed.optimizer.param_groups[0]["count"] == STEPS
        assert resumed.optimizer.param_groups[0]["momentum"] == 0.9


@pytest.mark.parametrize("is_own", [True, False])
def test_the_scale_of_the_gradients_is_kept(tmp_path, is_own):
    def make():
        torch.manual_seed(5)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20, growth_interval=3) if is_own else None
        return small_setup(loader=DataLoader(small_data(), 16), amp="fp16", scaler=scaler)

    whole = make()
    fit_one_cycle(whole, epochs=3, max_lr=1e-2)
    setup = make()
    handle = interrupt_in_call(setup.model[4], 8)
    with pytest.raises(KeyboardInterrupt) as caught:
        fit_one_cycle(setup, epochs=3, max_lr=1e-2, checkpoint=tmp_path / "fit.pt")
    handle.remove()
    point = caught.value.lr_magic_result.resume_point
    assert point.scaler["_growth_tracker"] > 0
    fit_one_cycle(setup, resume=caught.value.lr_magic_result)
    other = make()
    fit_one_cycle(other, resume=tmp_path / "fit.pt")
    assert trained_state(setup) == trained_state(other) == trained_state(whole)
    if is_own:
        assert setup.scaler.state_dict() == other.scaler.state_dict() == whole.scaler.state_dict()


@pytest.mark.parametrize("number", [3, 9, 12])
def test_metrics_of_the_training_batches_go_on_within_their_epoch(number):
    def make():
        torch.manual_seed(5)
        metrics = {"mean": accuracy, "share": named_metric("accuracy")}
        return small_setup(loader=DataLoader(small_data(), 16, shuffle=True), metrics=metrics)

    expected = fit_one_cycle(make(), epochs=EPOCHS, max_lr=1e-2)
    setup = make()
    handle = interrupt_in_call(setup.model[4], number)
    with pytest.raises(KeyboardInterrupt) as caught:
        fit_one_cycle(setup, epochs=EPOCHS, max_lr=1e-2)
    handle.remove()
    assert_same_course(fit_one_cycle(setup, resume=caught.value.lr_magic_result), expected)
    assert expected.epochs[0].metrics["mean"] == pytest.approx(expected.epochs[0].metrics["share"])


def test_a_killed_process_goes_on_from_its_last_epoch(tmp_path, pytestconfig):
    expected_state, expected, _ = without_interrupt()
    path = tmp_path / "fit.pt"
    code = _KILLED.format(root=str(pytestconfig.rootpath), path=str(path))
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        while process.stdout.readline().strip() != b"2":
            pass
        process.kill()
    setup = fresh_setup()
    history = fit_one_cycle(setup, resume=path)
    assert trained_state(setup) == expected_state
    assert_same_course(history, expected)


def test_a_one_shot_loader_goes_on_with_what_is_left():
    batches = iter(list(DataLoader(small_data(), 16)))
    setup = small_setup(loader=batches)
    handle = interrupt_in_call(setup.model[0], 3)
    with pytest.raises(KeyboardInterrupt) as caught:
        fit_one_cycle(setup, steps=6, max_lr=1e-2)
    handle.remove()
    history = fit_one_cycle(setup, resume=caught.value.lr_magic_result)
    assert (len(history.steps), history.stop_reason) == (6, StopReason.COMPLETED)


def test_what_cannot_be_resumed_is_refused(tmp_path):
    setup, path = fresh_setup(), tmp_path / "fit.pt"
    done = fit_one_cycle(setup, epochs=1, max_lr=1e-2, checkpoint=path)
    with pytest.raises(SettingError, match="ran to its end"):
        fit_one_cycle(setup, resume=done)
    with pytest.raises(SettingError, match="ran to its end"):
        fit_one_cycle(setup, resume=path)
    with pytest.raises(SettingError, match="no checkpoint"):
        fit_one_cycle(setup, resume=tmp_path / "missing.pt")
    with pytest.raises(SettingError, match="keeps its max_lr"):
        fit_one_cycle(setup, resume=done, max_lr=1e-3)


def test_a_loader_of_another_length_is_refused(tmp_path):
    setup, path = fresh_setup(), tmp_path / "fit.pt"
    interrupt_in_call(setup.model[0], 12)
    with pytest.raises(KeyboardInterrupt):
        fit_one_cycle(setup, epochs=EPOCHS, max_lr=1e-2, checkpoint=path)
    other = small_setup(loader=DataLoader(small_data(), 32))
    before = trained_state(other)[0]
    with pytest.raises(SettingError, match="planned for 18 steps; with this loader it would have 9"):
        fit_one_cycle(other, resume=path)
    assert trained_state(other)[0] == before


def test_a_checkpoint_of_another_model_or_other_layers_is_refused(tmp_path):
    setup, path = fresh_setup(), tmp_path / "fit.pt"
    interrupt_in_call(setup.model[0], 4)
    with pytest.raises(KeyboardInterrupt):
        fit_one_cycle(setup, epochs=1, max_lr=1e-2, checkpoint=path)
    other = small_setup(model=nn.Linear(6, 2))
    with pytest.raises(SettingError, match="another model"):
        fit_one_cycle(other, resume=path)
    frozen = fresh_setup()
    frozen.model[0].weight.requires_grad_(False)
    before = trained_state(frozen)[0]
    with pytest.raises(SettingError, match="frozen"):
        fit_one_cycle(frozen, resume=path)
    assert trained_state(frozen)[0] == before


def test_the_json_of_a_history_has_its_events_and_no_resume_point():
    setup, control = fresh_setup(), RunControl()
    control.lower_peak(3.0)
    control.anneal(3)
    history = fit_one_cycle(setup, epochs=1, max_lr=slice(1e-4, 1e-2), control=control)
    again = FitHistory.from_json(history.to_json())
    assert again == history
    assert [event.kind for event in again.events] == [EventKind.PEAK_LOWERED, EventKind.ANNEALED]


def test_indices_that_are_changed_during_a_pass_are_those_of_its_beginning_again():
    def indexed_setup():
        torch.manual_seed(0)
        data = small_data()
        sampler = torch.utils.data.SubsetRandomSampler(list(range(len(data) - 8)))
        return small_setup(loader=DataLoader(data, 8, sampler=sampler))

    expected = fit_one_cycle(indexed_setup(), epochs=2, max_lr=1e-2)
    setup, control = indexed_setup(), RunControl()

    def stop_with_other_indices(record):
        if record.step == 3:
            setup.train_loader.sampler.indices.reverse()
            control.stop()

    partial = fit_one_cycle(setup, epochs=2, max_lr=1e-2, control=control, on_step=stop_with_other_indices)
    assert fit_one_cycle(setup, resume=partial).steps == expected.steps
