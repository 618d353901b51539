from __future__ import annotations

import pytest
import torch

from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training import loss_fetching
from lr_magic.training.loss_fetching import ImmediateFetcher, LateFetcher, fetcher_for
from lr_magic.training.sweeping import sweep
from lr_magic.training.sweeping.range_test import range_test

from .endings import with_losses
from .small_setups import small_setup


class CountingLoss(torch.Tensor):
    """Stands in for a loss on an accelerator: counts every call that would wait for the device."""

    waits = 0
    _WAITING = {"item", "tolist", "__float__", "__bool__", "__int__", "cpu", "numpy", "__index__"}  # noqa: RUF012

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") in cls._WAITING:
            CountingLoss.waits += 1
        return super().__torch_function__(func, types, args, kwargs or {})


@pytest.fixture
def late(monkeypatch):
    """Losses are read as on an accelerator, by a clock that stands still."""
    monkeypatch.setattr(sweep, "fetcher_for", lambda _: LateFetcher(clock=lambda: 0.0))
    CountingLoss.waits = 0


def counting(setup):
    return with_losses(setup, lambda loss: loss.as_subclass(CountingLoss), at=0)


def test_no_step_waits_for_its_own_loss(late):  # noqa: ARG001
    range_test(counting(small_setup()), num_steps=200, stop_when_diverged=False, end_lr=1e-3)
    # 200 losses come in six groups of 32 and a rest.
    assert CountingLoss.waits <= 7


def test_a_bare_loop_is_seen_to_wait():
    setup = counting(small_setup())
    for batch in setup.train_loader:
        setup.compute_loss(batch).loss.item()
    assert CountingLoss.waits >= len(setup.train_loader)


def test_late_losses_give_the_same_curve_and_the_same_end(late, monkeypatch):  # noqa: ARG001
    late_result = range_test(small_setup(lr=0.1, optimizer=torch.optim.SGD), end_lr=1e4)
    monkeypatch.setattr(sweep, "fetcher_for", fetcher_for)
    torch.manual_seed(0)
    result = range_test(small_setup(lr=0.1, optimizer=torch.optim.SGD), end_lr=1e4)
    assert late_result.losses.tolist() == result.losses.tolist()
    assert late_result.stop_reason is result.stop_reason


def test_a_nan_that_is_read_late_ends_the_curve_at_its_own_step(late):  # noqa: ARG001
    result = range_test(with_losses(small_setup(), lambda loss: loss * float("nan")), num_steps=100)
    assert result.stop_reason is StopReason.NON_FINITE
    assert len(result.losses) == 11


class WatchedFetcher(LateFetcher):
    """Notes, while the sweep goes on, how many steps behind the loss that is read last lies."""

    def __init__(self):
        super().__init__(clock=lambda: 0.0)
        self.steps_behind = []
        self._num_in = self._num_out = 0

    def add(self, loss):
        self._num_in += 1
        return self._noted(super().add(loss))

    def earlier(self):
        return self._noted(super().earlier())

    def _noted(self, numbers):
        self._num_out += len(numbers)
        if numbers:
            self.steps_behind.append(self._num_in - self._num_out)
        return numbers


def test_a_sweep_that_chooses_its_rates_reads_every_loss_after_a_further_step(monkeypatch):
    plain = range_test(small_setup(lr=0.1, optimizer=torch.optim.SGD))
    fetchers = []

    def watched(_device):
        fetchers.append(WatchedFetcher())
        return fetchers[-1]

    monkeypatch.setattr(sweep, "fetcher_for", watched)
    torch.manual_seed(0)
    late_result = range_test(small_setup(lr=0.1, optimizer=torch.optim.SGD))
    assert len(fetchers[0].steps_behind) > 10
    assert min(fetchers[0].steps_behind) >= 1
    assert late_result.lrs.tolist() == plain.lrs.tolist()
    assert late_result.losses.tolist() == plain.losses.tolist()


def test_a_loss_is_kept_although_the_next_step_writes_to_its_place():
    fetcher, place = LateFetcher(clock=lambda: 0.0), torch.zeros(())
    for number in range(5):
        fetcher.add(place.fill_(number))
    assert fetcher.finish() == [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.usefixtures("late")
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_huge_loss_in_double_precision_is_finite(accumulate):
    setup = with_losses(small_setup(accumulate=accumulate), lambda loss: loss.double() + 1e45, at=0)
    result = range_test(setup, num_steps=8)
    assert result.stop_reason is StopReason.COMPLETED
    assert result.losses.tolist() == [1e45] * 8


def losses(count):
    return [torch.tensor(float(number)) for number in range(count)]


def test_losses_come_back_in_order_and_complete():
    fetcher = LateFetcher(clock=lambda: 0.0)
    arrived = [number for loss in losses(1000) for number in fetcher.add(loss)]
    assert len(arrived) >= 1000 - 4 * 32
    assert arrived + fetcher.finish() == [float(number) for number in range(1000)]
    assert fetcher.finish() == []


def test_slow_steps_do_not_wait_for_a_full_group():
    times = iter(range(100))
    fetcher = LateFetcher(clock=lambda: float(next(times)))
    arrived = [number for loss in losses(12) for number in fetcher.add(loss)]
    assert len(arrived) >= 6


def test_on_the_cpu_a_loss_is_read_at_once():
    fetcher = fetcher_for(torch.device("cpu"))
    assert isinstance(fetcher, ImmediateFetcher)
    assert fetcher.add(torch.tensor(2.5)) == [2.5]
    assert isinstance(loss_fetching.fetcher_for(torch.device("cuda")), LateFetcher)
    assert isinstance(loss_fetching.fetcher_for(torch.device("mps")), LateFetcher)
