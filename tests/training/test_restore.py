from __future__ import annotations

import gc
import itertools
import random
import warnings
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Sampler, TensorDataset

from lr_magic.training.batches import BatchSource
from lr_magic.training.restoring import copy_place, tensor_state
from lr_magic.training.restoring.restore import restored
from lr_magic.training.setup import TrainingSetup
from lr_magic.training.sweeping.range_test import range_test

from . import kinds
from .fingerprint import bytes_of, fingerprint
from .kinds import adamw_warm, frozen, plain
from .small_setups import small_data, small_model, small_setup


def test_the_receipt_counts_what_was_copied_and_compared():
    with restored(adamw_warm()) as receipt:
        assert str(receipt) == "not restored yet"
    # 6 parameters and 3 buffers of the model, 3 tensors of Adam for each parameter
    assert str(receipt) == "restored: 27 tensors, optimizer state, RNG"


def test_without_a_setup_any_objects_are_restored():
    model = small_model()
    before = [bytes_of(tensor) for tensor in model.state_dict().values()]
    with restored(modules=[model]) as receipt:
        model(torch.randn(8, 6))
    assert [bytes_of(tensor) for tensor in model.state_dict().values()] == before
    assert str(receipt) == "restored: 9 tensors, RNG"


def test_what_could_not_be_put_back_is_named_and_warned_of():
    frozen_layer, head = nn.Linear(8, 2).requires_grad_(False), nn.Linear(2, 2)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    model = nn.Sequential(frozen_layer, head)
    with pytest.warns(RuntimeWarning, match="NOT as before: 1 tensor"):  # noqa: PT031, SIM117
        with restored(modules=[model], optimizers=[optimizer]) as receipt:
            for _ in range(3):
                optimizer.step()
            frozen_layer.weight.add_(1)  # not in one of the first steps, where it would have been copied
    assert receipt.not_back == ("1 tensor",)


def test_a_part_that_fails_does_not_keep_the_others_from_being_restored():
    class Broken(np.random.RandomState):
        def set_state(self, _):
            raise RuntimeError("broken")

    model = small_model()
    model.generator = Broken(1)
    before = bytes_of(model[0].weight)
    with pytest.warns(RuntimeWarning, match="1 object"), restored(modules=[model]):  # noqa: PT031
        model.generator.random()
        model[0].weight.data.zero_()
    assert bytes_of(model[0].weight) == before


def test_frozen_parameters_are_not_copied_until_a_step_meets_their_gradients():
    setup = frozen()
    copied = []
    original = copy_place.CopyPlace.copy_of
    copy_place.CopyPlace.copy_of = lambda self, data: copied.append(data.data_ptr()) or original(self, data)
    try:
        with restored(setup):
            assert setup.model[0].weight.data_ptr() not in copied
            setup.model[0].requires_grad_(True)
            setup.compute_loss(next(iter(setup.train_loader))).loss.backward()
            before = bytes_of(setup.model[0].weight)
            setup.optimizer.step()
            assert setup.model[0].weight.data_ptr() in copied
            assert bytes_of(setup.model[0].weight) != before
    finally:
        copy_place.CopyPlace.copy_of = original
    assert bytes_of(setup.model[0].weight) == before
    assert not setup.model[0].weight.requires_grad


@torch.no_grad()
def replace_then_write(weight):
    weight.data = weight.data.clone()
    weight.mul_(0.5)


@torch.no_grad()
def write_then_replace(weight):
    weight.mul_(0.5)
    weight.data = weight.data.clone()


def write_unseen(weight):
    weight.data.mul_(0.5)


def unfreeze(weight):
    weight.requires_grad_(True)


@pytest.mark.parametrize("first_step", [0, 3])
@pytest.mark.parametrize("change", [replace_then_write, write_then_replace, write_unseen, unfreeze])
def test_the_receipt_is_true_whatever_is_done_to_a_frozen_parameter(change, first_step):
    # No copy is made of what is frozen beforehand: what comes late can be lost, but not without a word.
    torch._dynamo.reset()  # nothing compiled is left from other tests, so the first steps are watched
    setup = frozen()
    parameter = next(setup.model.parameters())
    before = fingerprint(setup)
    with warnings.catch_warnings(), restored(setup) as receipt:
        warnings.simplefilter("ignore")
        for step in range(5):
            if step >= first_step:
                change(parameter)
            setup.compute_loss(next(iter(setup.train_loader))).loss.backward()
            setup.optimizer.step()
    assert (fingerprint(setup) == before) is (receipt.not_back == ())
    assert receipt.not_back == () or first_step > 0


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_late_change_of_a_frozen_part_is_named_in_any_layout(layout):
    filters = nn.Conv2d(4, 4, 3).requires_grad_(False).to(memory_format=layout)
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
    with pytest.warns(RuntimeWarning, match="NOT as before: 1 tensor"):  # noqa: PT031, SIM117
        with restored(modules=[filters], optimizers=[optimizer]):
            for _ in range(3):
                optimizer.step()
            filters.weight.data.mul_(0.5)


def test_beside_compiled_code_a_changed_frozen_parameter_is_at_least_named():
    setup = kinds.teacher()
    compiled = torch.compile(lambda x: x + 1, backend="eager", fullgraph=True)
    run = replace(setup, compute_loss=lambda batch: setup.compute_loss((compiled(batch[0]), batch[1])))
    with pytest.warns(RuntimeWarning, match="NOT as before: 2 tensors"):
        range_test(run, num_steps=5, end_lr=1e-2)
    torch._dynamo.reset()


@pytest.mark.parametrize("num_lost", [0, 2])
def test_on_an_accelerator_all_tensors_are_compared_with_one_wait(monkeypatch, num_lost):
    monkeypatch.setattr(tensor_state, "_READ_AT_ONCE", ())
    states = [tensor_state.TensorState(tensor, copy_place.CopyPlace()) for tensor in small_model().parameters()]
    for state in states[:num_lost]:
        state.tensor.data.view(-1)[0] += 1
    assert tensor_state.count_changed(states) == num_lost


def test_one_copy_is_made_of_what_can_change_and_of_nothing_else(monkeypatch):
    setup = frozen()
    num_bytes = []
    original = copy_place.CopyPlace.copy_of
    monkeypatch.setattr(
        copy_place.CopyPlace, "copy_of", lambda s, data: num_bytes.append(data.nbytes) or original(s, data)
    )
    range_test(setup, num_steps=3)
    trainable = sum(p.nbytes for p in setup.model.parameters() if p.requires_grad)
    buffers = sum(buffer.nbytes for buffer in setup.model.buffers())
    state = sum(tensor.nbytes for each in setup.optimizer.state.values() for tensor in each.values())
    assert sum(num_bytes) == trainable + buffers + state


def test_a_buffer_that_is_expanded_needs_no_copy():
    model = small_model()
    model.register_buffer("positions", torch.arange(4).expand(3, 4))
    with restored(modules=[model]) as receipt:
        pass
    assert receipt.not_back == ()


def test_a_one_shot_iterator_is_said_to_be_used_up():
    setup = small_setup(loader=iter(list(DataLoader(small_data(), 16))))
    result = range_test(setup, num_steps=3)
    assert "one-shot iterator does not give its batches again" in result.receipt


class Endless(Sampler):
    """Draws from an iterator that it holds."""

    def __init__(self, order):
        self.order = order

    def __iter__(self):
        return itertools.islice(self.order, 96)


_HELD = {
    "cycle": lambda: itertools.cycle(range(96)),
    "generator": lambda: (i * 7 % 96 for i in itertools.count()),
    "list": lambda: iter(list(range(96)) * 20),
    "used up in the run": lambda: iter(range(48)),
}


@pytest.mark.parametrize("make", _HELD.values(), ids=_HELD)
def test_an_iterator_that_a_sampler_holds_gives_its_items_again(make):
    untouched, sampler = make(), Endless(make())
    next(untouched), next(sampler.order)
    setup = small_setup(loader=DataLoader(small_data(), 16, sampler=sampler))
    for _ in range(3):
        receipt = range_test(setup, num_steps=5).receipt
        assert "an iterator that a sampler holds gives its items again" in receipt
    assert list(itertools.islice(sampler.order, 500)) == list(itertools.islice(untouched, 500))


def test_a_held_iterator_that_is_not_drawn_from_stays_the_same_object():
    order = iter(range(96))
    sampler = Endless(order)
    with restored(small_setup(loader=DataLoader(small_data(), 16, sampler=sampler))):
        pass
    assert sampler.order is order


def test_an_iterator_that_cannot_go_back_is_named():
    class Unfinished(TensorDataset):
        def __init__(self):
            super().__init__(*small_data().tensors)
            self.files = iter(range(96))

    receipt = range_test(small_setup(loader=DataLoader(Unfinished(), 16)), num_steps=3).receipt
    assert "iterator that the loader, its sampler or its dataset holds cannot go back" in receipt
    assert "iterator" not in range_test(small_setup(), num_steps=3).receipt


def test_gradients_come_back_as_the_same_objects_with_the_same_bytes():
    setup = adamw_warm()
    gradients = [parameter.grad for parameter in setup.model.parameters()]
    before = [bytes_of(gradient) for gradient in gradients]
    range_test(setup, num_steps=3)
    assert all(p.grad is gradient for p, gradient in zip(setup.model.parameters(), gradients, strict=True))
    assert [bytes_of(gradient) for gradient in gradients] == before


def test_a_graph_from_before_still_goes_through_backward():
    setup = plain()
    loss = setup.compute_loss(next(iter(setup.train_loader))).loss
    range_test(setup, num_steps=3)
    loss.backward()
    assert setup.model[0].weight.grad is not None


@pytest.mark.parametrize(
    "make",
    [
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 1e-2, total_steps=100),
        lambda o: torch.optim.lr_scheduler.StepLR(o, 3),
        lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o),  # noqa: PLW0108
        lambda o: torch.optim.lr_scheduler.SequentialLR(
            o, [torch.optim.lr_scheduler.LinearLR(o), torch.optim.lr_scheduler.CosineAnnealingLR(o, 9)], [4]
        ),
        lambda o: torch.optim.lr_scheduler.ChainedScheduler(
            [torch.optim.lr_scheduler.LinearLR(o), torch.optim.lr_scheduler.ExponentialLR(o, 0.9)]
        ),
    ],
    ids=["OneCycleLR", "StepLR", "ReduceLROnPlateau", "SequentialLR", "ChainedScheduler"],
)
def test_a_scheduler_that_the_block_steps_is_put_back(make):
    setup = plain()
    scheduler = make(setup.optimizer)
    setup.optimizer.step()
    state, before = repr(scheduler.state_dict()), fingerprint(setup)
    with restored(modules=[setup.model], optimizers=[setup.optimizer]):
        for _ in range(6):
            setup.optimizer.step()
            scheduler.step(*([1.0] if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau) else []))
    assert repr(scheduler.state_dict()) == state
    assert fingerprint(setup) == before


def test_a_long_chain_is_followed_to_its_end():
    model, last = nn.Linear(2, 2), [1]
    model.chain = last
    for _ in range(2000):
        model.chain = [model.chain]
    with restored(modules=[model]) as receipt:
        last.append(2)
    assert last == [1]
    assert not receipt.not_back


def test_a_scheduler_made_in_the_block_leaves_no_key_behind():
    setup = plain()
    before = fingerprint(setup)
    with restored(setup):
        torch.optim.lr_scheduler.OneCycleLR(setup.optimizer, 1e-2, total_steps=10)
        setup.optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))]})
    assert fingerprint(setup) == before


def test_replaced_resized_and_recast_tensors_come_back():
    model = small_model()
    model.register_buffer("table", torch.arange(6.0))
    before = fingerprint(small_setup(model=model))
    with restored(modules=[model]):
        model.half()
        model.table.resize_(12)
        model[0].weight = nn.Parameter(torch.zeros(8, 6))
        del model[4]
        model.extra = 1
    after = fingerprint(small_setup(model=model))
    for part in ("state", "buffers", "identities", "modules", "attributes"):
        assert after[part] == before[part]


def test_every_random_source_goes_on_where_it_was():
    generators = [
        torch.Generator().manual_seed(1),
        np.random.default_rng(1),
        random.Random(1),
        np.random.RandomState(1),
    ]
    model = small_model()
    model.generators = generators

    def draw():
        return (
            random.random(), np.random.rand(), torch.rand(1).item(), torch.rand(1, generator=generators[0]).item(),  # noqa: NPY002
            generators[1].random(), generators[2].random(), generators[3].rand(),
        )  # fmt: skip

    with restored(modules=[model]):
        inside = draw()
    assert draw() == inside


def test_copies_go_to_host_memory_where_the_device_is_short(monkeypatch):
    monkeypatch.setattr(copy_place, "free_bytes", lambda _: 100.0)
    place = copy_place.CopyPlace()
    host_copies = []
    monkeypatch.setattr(copy_place, "empty_on_host", lambda data: host_copies.append(data) or data)
    small, large = torch.ones(4, device="meta"), torch.ones(2**20, device="meta")
    monkeypatch.setattr(copy_place, "_HOST_KINDS", ("cpu",))
    place.copy_of(small)
    assert place.note == ""
    place.copy_of(large)
    assert host_copies == [large] or host_copies[0] is large
    assert place.note == "4 MiB of copies were kept in host memory: the device is short"


def test_nothing_is_held_after_the_run():
    setup = plain()
    range_test(setup, num_steps=3)
    gc.collect()
    before = _num_tensors()
    for _ in range(3):
        range_test(setup, num_steps=3)
    gc.collect()
    assert _num_tensors() <= before  # other tests may leave something that is collected only now


def test_an_exception_that_is_kept_holds_no_copies(monkeypatch):
    copies = []
    original = copy_place.CopyPlace.copy_of

    def remember(self, data):
        copy = original(self, data)
        copies.append(weakref.ref(copy))
        return copy

    monkeypatch.setattr(copy_place.CopyPlace, "copy_of", remember)
    setup = plain()
    setup.model[0].register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        range_test(setup)
    gc.collect()
    assert caught.value.__traceback__ is not None
    assert [copy() for copy in copies] == [None] * len(copies)


def _num_tensors():
    return sum(issubclass(type(value), torch.Tensor) for value in gc.get_objects())


def test_persistent_workers_of_the_person_are_left_alone_and_those_of_the_run_end():
    loader = DataLoader(small_data(48), 16, num_workers=1, persistent_workers=True)
    setup = small_setup(loader=loader)
    range_test(setup, num_steps=4)
    assert loader._iterator is None
    list(loader)
    mine = loader._iterator
    processes = mine._workers
    range_test(setup, num_steps=4)
    assert loader._iterator is mine
    assert all(process.is_alive() for process in processes)
    assert len(list(loader)) == 3
    mine._shutdown_workers()


def test_workers_of_a_pass_that_broke_off_end_with_the_run():
    loader = DataLoader(small_data(48), 16, num_workers=1)
    source = BatchSource(loader, torch.device("cpu"))
    source.next()
    processes = source._batches._workers
    source.close()
    assert not any(process.is_alive() for process in processes)


class CentredLoss(nn.Module):
    """A loss with a running centre and a count."""

    def __init__(self):
        super().__init__()
        self.register_buffer("centre", torch.zeros(2))
        self.num_seen = 0

    def forward(self, output, target):
        self.num_seen += 1
        self.centre.lerp_(output.detach().mean(0), 0.1)
        return nn.functional.cross_entropy(output - self.centre, target)


def test_a_loss_with_a_state_of_its_own_is_put_back():
    model, loss_fn = small_model(), CentredLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    setup = TrainingSetup.supervised(model, optimizer, DataLoader(small_data(), batch_size=16), loss_fn)
    with restored(setup):
        batch = next(iter(setup.train_loader))
        setup.compute_loss(batch)
    assert loss_fn.num_seen == 0
    assert not loss_fn.centre.any()
