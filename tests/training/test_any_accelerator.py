"""Accelerators of any make, played by stand-ins: what is asked of them where torch sees none."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from lr_magic.training import accelerators
from lr_magic.training.restoring import accelerator_random
from lr_magic.training.restoring.random_state import GlobalRandomState
from lr_magic.training.restoring.saved_random import random_content, set_random


class Make:
    """Random numbers of an accelerator that torch has no module of its own for, with twelve devices."""

    def __init__(self):
        self.generators = [torch.Generator().manual_seed(5) for _ in range(12)]
        self.is_started = True

    def is_initialized(self):
        return self.is_started

    def device_count(self):
        return len(self.generators)

    def get_rng_state(self, index):
        return self.generators[index].get_state()

    def set_rng_state(self, state, index):
        self.generators[index].set_state(state)

    def initial_seed(self):
        return self.generators[0].initial_seed()

    def manual_seed_all(self, seed):
        for generator in self.generators:
            generator.manual_seed(seed)

    def draw(self):
        return [torch.rand(1, generator=generator).item() for generator in self.generators]


@pytest.fixture
def make(monkeypatch):
    make = Make()
    monkeypatch.setattr(torch, "toy", make, raising=False)
    names_toy = SimpleNamespace(current_accelerator=lambda: SimpleNamespace(type="toy"))
    monkeypatch.setattr(torch, "accelerator", names_toy, raising=False)
    return make


def test_random_numbers_of_any_make_go_on_where_they_were_on_each_device(make):
    make.draw()
    state = GlobalRandomState()
    inside = make.draw()
    assert state.put_back()
    assert make.draw() == inside


def test_a_make_first_used_during_a_run_begins_at_its_seed_again(make):
    make.is_started = False
    state = GlobalRandomState()
    make.is_started = True
    inside = make.draw()
    assert state.put_back()
    assert make.draw() == inside


def test_a_make_that_lists_its_generators_has_each_rewound_to_its_own_seed(make):
    make.is_started = False
    state = GlobalRandomState()
    make.is_started = True
    make.default_generators = make.generators
    make.generators[3].manual_seed(8)
    inside = make.draw()
    assert state.put_back()
    assert make.draw() == inside


def test_a_state_that_a_make_does_not_take_back_is_said_not_to_be_back(make):
    state = GlobalRandomState()
    make.draw()
    make.set_rng_state = lambda *_: None
    assert not state.put_back()


def test_a_make_that_was_not_used_is_not_started(make):
    make.is_started = False
    make.get_rng_state = lambda _: pytest.fail("it was started")
    GlobalRandomState().put_back()
    assert random_content()["accelerators"] == {}


def test_saved_random_numbers_hold_those_of_every_make(make):
    content = random_content()
    expected = make.draw()
    set_random(content)
    assert make.draw() == expected


def test_saved_random_numbers_of_another_number_of_devices_are_left(make):
    content = random_content()
    make.draw()
    make.generators.pop()
    before = [generator.get_state() for generator in make.generators]
    set_random(content)
    assert all(map(torch.equal, before, [generator.get_state() for generator in make.generators]))


def test_the_accelerator_that_torch_names_is_known(monkeypatch):
    assert accelerator_random.known_kinds()[:3] == ("cuda", "xpu", "mps")
    monkeypatch.setattr(torch, "accelerator", SimpleNamespace(current_accelerator=lambda: torch.device("mtia")))
    assert "mtia" in accelerator_random.known_kinds()
    monkeypatch.setattr(torch, "accelerator", SimpleNamespace(current_accelerator=lambda: None))
    assert accelerator_random.known_kinds() == ("cuda", "xpu", "mps")


XPU = torch.device("xpu", 1)


def test_free_memory_counts_what_torch_holds_in_reserve(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.xpu, "mem_get_info", lambda device: asked.append(device) or (100, 1000))
    monkeypatch.setattr(torch.xpu, "memory_reserved", lambda device: asked.append(device) or 60)
    monkeypatch.setattr(torch.xpu, "memory_allocated", lambda device: asked.append(device) or 20)
    assert accelerators.free_bytes(XPU) == 140
    assert asked == [XPU] * 3


def test_a_device_that_does_not_say_how_much_is_free_counts_as_roomy(monkeypatch):
    def refuse(_):
        raise RuntimeError("not on this driver")

    monkeypatch.setattr(torch.xpu, "mem_get_info", refuse)
    assert accelerators.free_bytes(XPU) == float("inf")
    assert accelerators.free_bytes(torch.device("mps")) == float("inf")


class OnDevice:
    """A tensor that says it is on an accelerator."""

    def __init__(self, data):
        self.data = data
        self.device = XPU


@pytest.fixture
def host_memory(monkeypatch):
    """Host memory that counts as pinned, for tensors that are on no real device."""
    events = []
    empty_like = torch.empty_like

    class Pinned(torch.Tensor):
        def is_pinned(self, *_):
            return True

        def copy_(self, source, **options):
            events.append(("copied", options))
            return super().copy_(source.data)

    def pinned_like(data, device, *, pin_memory):
        assert pin_memory
        return empty_like(data.data, device=device).as_subclass(Pinned)

    monkeypatch.setattr(torch, "empty_like", pinned_like)
    return events


def test_a_copy_is_sent_without_waiting_and_an_event_of_its_device_follows(monkeypatch, host_memory):
    class Event:
        def record(self, stream):
            host_memory.append(("recorded", stream))

    monkeypatch.setattr(torch.xpu, "Event", Event)
    monkeypatch.setattr(torch.xpu, "current_stream", lambda device: f"stream of {device}")
    copy, event = accelerators.send_to_host(OnDevice(torch.ones(2)))
    assert host_memory == [("copied", {"non_blocking": True}), ("recorded", "stream of xpu:1")]
    assert isinstance(event, Event)
    assert copy.tolist() == [1.0, 1.0]


def test_without_events_nothing_but_reading_the_data_is_safe(monkeypatch, host_memory):  # noqa: ARG001
    def refuse():
        raise RuntimeError("no events on this make")

    monkeypatch.setattr(torch.xpu, "Event", refuse)
    data = OnDevice(torch.ones(2))
    assert accelerators.send_to_host(data) == (data, None)


def test_where_no_memory_can_be_pinned_copies_are_plain(monkeypatch):
    empty_like = torch.empty_like

    def refuse_pinned(data, device, *, pin_memory=False):
        if pin_memory:
            raise RuntimeError("no more of it")
        return empty_like(data.data, device=device)

    monkeypatch.setattr(torch, "empty_like", refuse_pinned)
    assert not accelerators.empty_on_host(OnDevice(torch.ones(2))).is_pinned()
    data = OnDevice(torch.ones(2))
    assert accelerators.send_to_host(data) == (data, None)
