"""What only an accelerator can show: nothing waits for it, its memory runs short, it has random numbers of its own."""

from __future__ import annotations

import gc
import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader

from lr_magic.pure.errors import SettingError
from lr_magic.training.batches import move
from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.cycle.preview import preview_fit
from lr_magic.training.loss_fetching import LateFetcher
from lr_magic.training.restoring import copy_place
from lr_magic.training.setup import TrainingSetup
from lr_magic.training.sweeping.range_test import range_test
from lr_magic.training.validation import validate

from .devices import ACCELERATOR, needs_accelerator
from .fingerprint import fingerprint
from .small_setups import accuracy, place, small_data, small_setup

pytestmark = [pytest.mark.accelerator, needs_accelerator]


@pytest.fixture(autouse=True)
def on_accelerator(monkeypatch):
    monkeypatch.setattr(place, "device", ACCELERATOR)


class Waits(TorchDispatchMode):
    """Counts the operations in which the host waits for the accelerator: numbers read, copies to the host."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        del types
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        is_read = name in {"_local_scalar_dense", "equal", "nonzero"} and _is_there(args[0])
        is_copied = (
            name == "_to_copy" and _is_there(args[0]) and torch.device(kwargs.get("device") or "meta").type == "cpu"
        )
        is_written = name == "copy_" and not _is_there(args[0]) and _is_there(args[1]) and not any(args[2:])
        self.count += is_read or is_copied or is_written
        return func(*args, **kwargs)


def _is_there(tensor):
    return tensor.device.type == ACCELERATOR.type


def test_no_step_of_a_planned_sweep_waits_for_the_device():
    setup = small_setup()
    with Waits() as waits:
        range_test(setup, num_steps=100, stop_when_diverged=False, end_lr=1e-3)
    # Once in the end, to see that everything is back. Without events losses are read in groups.
    assert waits.count <= (20 if ACCELERATOR.type == "mps" else 2)


def test_no_step_of_a_training_waits_for_the_device():
    setup = small_setup()
    with Waits() as waits:
        fit_one_cycle(setup, steps=100, max_lr=1e-3)
    assert waits.count <= 20


@pytest.mark.skipif(
    ACCELERATOR is None or not hasattr(torch.get_device_module(ACCELERATOR), "set_sync_debug_mode"),
    reason="torch does not refuse to wait for this make",
)
@pytest.mark.parametrize("run", [range_test, fit_one_cycle])
def test_torch_finds_no_wait_within_the_steps(run):
    setup = small_setup()
    refuse = torch.get_device_module(ACCELERATOR).set_sync_debug_mode
    calls = itertools.count(1)

    def compute_loss(batch):
        # Something is read where a run is over.
        refuse("error" if 5 < next(calls) < 290 else "default")
        return setup.compute_loss(batch)

    settings = {"num_steps": 300} if run is range_test else {"steps": 300, "max_lr": 1e-3}
    loader = DataLoader(small_data(4800), 16)
    try:
        run(replace(setup, train_loader=loader, compute_loss=compute_loss), **settings)
    finally:
        refuse("default")
    assert next(calls) == 301


def test_a_bare_loop_is_seen_to_wait():
    setup = small_setup()
    with Waits() as waits:
        for x, y in setup.train_loader:
            setup.compute_loss((x.to(ACCELERATOR), y.to(ACCELERATOR))).loss.item()
    assert waits.count == len(setup.train_loader)


def test_losses_arrive_in_order_and_as_they_were():
    fetcher = LateFetcher(clock=lambda: 0.0)
    loss = torch.zeros((), device=ACCELERATOR)
    arrived = []
    for number in range(200):
        arrived += fetcher.add(loss + number)
    assert arrived + fetcher.finish() == [float(number) for number in range(200)]


def test_a_training_on_the_device_is_the_one_on_the_cpu(monkeypatch):
    expected = _training_without_dropout(torch.device("cpu"), monkeypatch)
    history = _training_without_dropout(ACCELERATOR, monkeypatch)
    assert [step.loss for step in history.steps] == pytest.approx([step.loss for step in expected.steps], rel=1e-3)
    for epoch, other in zip(history.epochs, expected.epochs, strict=True):
        assert epoch.valid_loss == pytest.approx(other.valid_loss, rel=1e-3)
        assert epoch.metrics == pytest.approx(other.metrics, abs=0.05)


def _training_without_dropout(device, monkeypatch):
    monkeypatch.setattr(place, "device", device)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    setup = small_setup(
        model=model, loader=DataLoader(small_data(), 16), valid_loader=DataLoader(small_data(40), 20),
        metrics={"accuracy": accuracy},
    )  # fmt: skip
    assert setup.target_device == device
    return fit_one_cycle(setup, epochs=3, max_lr=1e-2)


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_mixed_precision_leaves_no_trace(amp):
    setup = small_setup(amp=amp, valid_loader=DataLoader(small_data(40), 20))
    before = fingerprint(setup)
    assert len(range_test(setup, num_steps=12, end_lr=1e-3).losses) == 12
    assert fingerprint(setup) == before
    assert len(fit_one_cycle(setup, epochs=1, max_lr=1e-3).steps) == 6


def test_where_its_memory_is_short_copies_are_kept_on_the_host(monkeypatch):
    monkeypatch.setattr(copy_place, "free_bytes", lambda _: 0.0)
    setup = small_setup(model=nn.Sequential(nn.Linear(6, 2**17), nn.Linear(2**17, 2)))
    before = fingerprint(setup)
    result = range_test(setup, num_steps=3)
    assert fingerprint(setup) == before
    assert "MiB of copies were kept in host memory: the device is short" in result.receipt


def test_a_device_that_is_full_although_it_says_otherwise_gets_its_copy_on_the_host(monkeypatch):
    data = torch.ones(4, device=ACCELERATOR)
    monkeypatch.setattr(copy_place, "free_bytes", lambda _: float("inf"))
    monkeypatch.setattr(torch.Tensor, "clone", _out_of_memory)
    copy = copy_place.CopyPlace().copy_of(data)
    assert (copy.device.type, copy.tolist()) == ("cpu", [1.0] * 4)


def _out_of_memory(_):
    raise torch.cuda.OutOfMemoryError("no room")


@pytest.mark.skipif(
    ACCELERATOR is None or not hasattr(torch.accelerator, "memory"),
    reason="torch does not count the memory of all makes",
)
def test_a_sweep_takes_one_copy_of_what_it_changes_and_no_more():
    def setup():
        model = nn.Sequential(nn.Linear(6, 2**17, bias=False), nn.Linear(2**17, 2, bias=False))
        return small_setup(model=model, optimizer=torch.optim.SGD, loader=DataLoader(small_data(16), 8))

    bare, swept = setup(), setup()
    num_bytes = sum(parameter.nbytes for parameter in swept.model.parameters())
    extra = _peak(lambda: range_test(swept, num_steps=4)) - _peak(lambda: _train(bare, num_steps=4))
    assert num_bytes <= extra <= 1.05 * num_bytes


def _peak(run):
    """Most memory of the device that a run takes, beyond what was taken before, in bytes."""
    gc.collect()
    memory = torch.accelerator.memory
    memory.reset_peak_memory_stats(ACCELERATOR)
    before = memory.memory_allocated(ACCELERATOR)
    run()
    return memory.max_memory_allocated(ACCELERATOR) - before


def _train(setup, num_steps):
    for _, batch in zip(range(num_steps), itertools.cycle(setup.train_loader), strict=False):
        on_device = move(batch, ACCELERATOR)
        setup.optimizer.zero_grad()
        loss = setup.compute_loss(on_device).loss
        loss.backward()
        setup.optimizer.step()


def test_its_memory_is_as_free_afterwards_as_before():
    setup = small_setup(model=nn.Sequential(nn.Linear(6, 2**16), nn.Linear(2**16, 2)))
    range_test(setup, num_steps=3)
    gc.collect()
    before = copy_place.free_bytes(ACCELERATOR)
    for _ in range(3):
        range_test(setup, num_steps=3)
    gc.collect()
    assert copy_place.free_bytes(ACCELERATOR) == before


needs_two_devices = pytest.mark.skipif(
    ACCELERATOR is None or torch.accelerator.device_count() < 2, reason="needs two devices"
)


@needs_two_devices
def test_a_kind_of_device_without_a_number_means_the_one_of_the_model(monkeypatch):
    second = torch.device(ACCELERATOR.type, 1)
    monkeypatch.setattr(place, "device", second)
    setup = small_setup(device=ACCELERATOR.type)
    assert setup.target_device == second
    assert len(range_test(setup, num_steps=3).losses) == 3
    with pytest.raises(SettingError, match=f"on {second} and device is {ACCELERATOR}"):
        range_test(replace(setup, device=ACCELERATOR))


@needs_two_devices
def test_a_model_on_another_device_than_the_current_one(monkeypatch):
    second = torch.device(ACCELERATOR.type, 1)
    monkeypatch.setattr(place, "device", second)
    module = torch.get_device_module(ACCELERATOR)
    setup = small_setup()
    before, random = fingerprint(setup), module.get_rng_state(1)
    result = range_test(setup, num_steps=40, stop_when_diverged=False, end_lr=1e-3)
    assert setup.target_device == second
    assert len(result.losses) == 40
    assert fingerprint(setup) == before
    assert torch.equal(module.get_rng_state(1), random)
    assert torch.accelerator.current_device_index() == 0


def test_a_model_on_the_cpu_stays_there(monkeypatch):
    monkeypatch.setattr(place, "device", torch.device("cpu"))
    setup = small_setup()
    seen = set()
    watched = replace(setup, compute_loss=lambda batch: seen.add(batch[0].device.type) or setup.compute_loss(batch))
    range_test(watched, num_steps=3)
    assert seen == {"cpu"}


def test_validation_reads_the_device_once_per_pass():
    setup = small_setup(valid_loader=DataLoader(small_data(), 8), metrics={"accuracy": accuracy})
    with Waits() as waits:
        validate(setup)
    assert waits.count <= 2


def test_a_preview_times_what_the_device_does():
    setup = small_setup(valid_loader=DataLoader(small_data(40), 20))
    before = fingerprint(setup)
    preview = preview_fit(setup, epochs=1, max_lr=1e-3)
    assert preview.total_steps == 6
    assert fingerprint(setup) == before


def test_a_batch_may_be_on_the_device_already():
    batches = [tuple(part.to(ACCELERATOR) for part in batch) for batch in DataLoader(small_data(), 16)]
    setup = small_setup(loader=batches)
    assert isinstance(setup, TrainingSetup)
    assert len(range_test(setup, num_steps=9, end_lr=1e-3).losses) == 9
