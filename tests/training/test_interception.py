from __future__ import annotations

import copy
import itertools
import signal
from contextlib import suppress
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks
from torch.utils.data import DataLoader, TensorDataset

from lr_magic.pure.control import RunControl
from lr_magic.pure.cycle.steered_cycle import SteeredCycle
from lr_magic.pure.errors import DiscoveryError, SettingError
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.pure.schedules import OneCycle
from lr_magic.training.intercepting.interception import RunEnded
from lr_magic.training.intercepting.interception_one_cycle import intercepted_one_cycle
from lr_magic.training.intercepting.interception_range_test import intercepted_range_test
from lr_magic.training.restoring.restore import restored
from lr_magic.training.setup import TrainingSetup
from lr_magic.training.sweeping.sweep_settings import SweepSettings

SETTINGS = SweepSettings(start_lr=1e-4, end_lr=1.0, num_steps=12, stop_when_diverged=False)


@pytest.fixture
def loader():
    data = TensorDataset(torch.randn(64, 4), torch.randn(64, 1))
    return DataLoader(data, batch_size=8, shuffle=True)


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 1))


@pytest.fixture
def optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def loss_of(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1])


def loop(model, optimizer, loader, *, epochs=5, losses=None):
    for batch in itertools.chain.from_iterable(loader for _ in range(epochs)):
        optimizer.zero_grad()
        loss = loss_of(model, batch)
        loss.backward()
        optimizer.step()
        if losses is not None:
            losses.append(loss.item())


def fingerprint(*objects):
    return [copy.deepcopy(value.state_dict()) for value in objects] + [torch.get_rng_state()]


def assert_same(left, right):
    assert str(left) == str(right)


def test_each_step_gets_its_rate_and_its_loss_is_read(model, optimizer, loader):
    seen, rates = [], []
    optimizer.register_step_pre_hook(lambda opt, *_: rates.append(opt.param_groups[0]["lr"]))
    records = []
    with restored(modules=[model], optimizers=[optimizer], loaders=[loader]):
        result = intercepted_range_test(
            lambda: loop(model, optimizer, loader, losses=seen), SETTINGS, on_step=records.append
        )
    assert rates == result.lrs.tolist()
    assert result.losses.tolist() == seen
    assert [record.loss for record in records] == result.losses.tolist()
    assert (result.lrs[0], result.lrs[-1]) == (SETTINGS.start_lr, SETTINGS.end_lr)
    assert result.stop_reason is StopReason.COMPLETED


def test_everything_is_put_back(model, optimizer, loader):
    before = fingerprint(model, optimizer)
    result = intercepted_range_test(
        lambda: loop(model, optimizer, loader),
        SETTINGS,
        restoring=restored(modules=[model], optimizers=[optimizer], loaders=[loader]),
    )
    assert_same(fingerprint(model, optimizer), before)
    assert result.receipt.startswith("restored")


HOOKS = [_global_optimizer_pre_hooks, _global_optimizer_post_hooks]
PATCHED = [
    (torch.autograd, "backward"),
    (torch.amp.GradScaler, "scale"),
    (torch.amp.GradScaler, "step"),
    (torch.optim.Optimizer, "zero_grad"),
    (torch.utils.data.dataloader._BaseDataLoaderIter, "__next__"),
]


@pytest.mark.parametrize("ending", [None, ValueError, KeyboardInterrupt, "swallowed"])
def test_every_patch_and_hook_is_undone(model, optimizer, loader, ending):
    before = [getattr(owner, name) for owner, name in PATCHED]
    hooks = [dict(each) for each in HOOKS]

    def train():
        for number, batch in enumerate(loader):
            try:
                loop(model, optimizer, [batch], epochs=1)
            except:  # noqa: E722 - as people write it
                if ending != "swallowed":
                    raise
            if number == 3 and isinstance(ending, type):
                raise ending

    if isinstance(ending, type):
        with pytest.raises(ending) as caught:
            intercepted_range_test(train, SETTINGS)
        assert len(caught.value.lr_magic_result.losses) == 4
    else:
        intercepted_range_test(train, SweepSettings(num_steps=4))
    assert [getattr(owner, name) for owner, name in PATCHED] == before
    assert [dict(each) for each in HOOKS] == hooks


def test_the_end_gets_past_except_exception(model, optimizer, loader):
    swallowed = []

    def train():
        for _ in range(3):
            try:
                loop(model, optimizer, loader)
            except Exception as error:
                swallowed.append(error)

    result = intercepted_range_test(train, SETTINGS)
    assert (len(result.losses), swallowed) == (12, [])


@pytest.mark.parametrize("where", ["in the loop", "around the loop"])
def test_the_end_gets_past_a_bare_except(model, optimizer, loader, where):
    batches = []

    def train():
        for _ in range(3):
            if where == "in the loop":
                for batch in loader:
                    try:
                        batches.append(batch)
                        loop(model, optimizer, [batch], epochs=1)
                    except:  # noqa: E722 - as people write it
                        pass
            else:
                try:  # noqa: SIM105 - as people write it
                    loop(model, optimizer, loader)
                except:  # noqa: E722
                    pass

    result = intercepted_range_test(train, SweepSettings(num_steps=3))
    assert len(result.losses) == 3
    # on the fourth batch the end is noticed, and then the loop itself is over
    assert len(batches) <= 4


def test_a_finally_of_the_person_is_run(model, optimizer, loader):
    done = []

    def train():
        try:
            loop(model, optimizer, loader)
        finally:
            done.append(True)

    intercepted_range_test(train, SETTINGS)
    assert done == [True]


def test_a_framework_may_wrap_what_ended_it(model, optimizer, loader):
    def train():
        try:
            loop(model, optimizer, loader)
        except BaseException as error:
            raise RuntimeError("training failed") from error

    assert len(intercepted_range_test(train, SETTINGS).losses) == 12


def test_an_error_of_the_person_goes_on_with_what_was_measured(model, optimizer, loader):
    def train():
        loop(model, optimizer, loader, epochs=1)
        raise ValueError("mine")

    before = fingerprint(model, optimizer)
    with pytest.raises(ValueError, match="mine") as caught:
        intercepted_range_test(
            train, SETTINGS, restoring=restored(modules=[model], optimizers=[optimizer], loaders=[loader])
        )
    result = caught.value.lr_magic_result
    assert (len(result.losses), result.stop_reason, result.stop_detail) == (8, StopReason.FAILED, "ValueError: mine")
    assert_same(fingerprint(model, optimizer), before)


def test_a_training_shorter_than_the_sweep(model, optimizer, loader):
    result = intercepted_range_test(lambda: loop(model, optimizer, loader, epochs=1), SETTINGS)
    assert (len(result.losses), result.stop_reason) == (8, StopReason.OUT_OF_BATCHES)


@pytest.mark.parametrize("run", [intercepted_range_test, partial(intercepted_one_cycle, total_steps=40, max_lr=0.1)])
def test_an_interrupt_that_the_training_catches_is_why_it_ended(model, optimizer, loader, run):
    def train():
        with suppress(KeyboardInterrupt):
            for batch in loader:
                optimizer.zero_grad()
                loss_of(model, batch).backward()
                optimizer.step()
            signal.raise_signal(signal.SIGINT)

    assert run(train).stop_reason is StopReason.INTERRUPTED


def test_stop_ends_it(model, optimizer, loader):
    control = RunControl()

    def stop_at_third(record):
        if record.step == 2:
            control.stop()

    result = intercepted_range_test(
        lambda: loop(model, optimizer, loader), SETTINGS, on_step=stop_at_third, control=control
    )
    assert (len(result.losses), result.stop_reason) == (3, StopReason.STOPPED)


def test_a_cycle_over_ones_own_loop_is_annealed_and_ends_and_is_lowered(model, optimizer, loader):
    control, heard = RunControl(), []

    def steer(record):
        if record.step == 3:
            control.lower_peak(2.0)
        if record.step == 7:
            control.extend()  # the loop's length is the person's
            control.anneal(steps=4)

    history = intercepted_one_cycle(
        lambda: loop(model, optimizer, loader, epochs=5),
        total_steps=40, max_lr=1e-2, on_step=steer, on_event=heard.append, control=control,
    )  # fmt: skip
    assert [(event.kind.value, event.step) for event in history.events] == [("peak_lowered", 4), ("annealed", 8)]
    assert heard == history.events
    schedule = SteeredCycle.of(OneCycle(1e-2, 40), history.events)
    assert [record.lr for record in history.steps] == [schedule.lr_at(step) for step in range(12)]
    assert (history.stop_reason, history.planned_steps) == (StopReason.COMPLETED, 12)


def test_accumulated_losses_are_summed(model, optimizer, loader):
    pieces = []

    def train():
        for number, batch in enumerate(loader):
            loss = loss_of(model, batch) / 4
            loss.backward()
            pieces.append(loss.item())
            if number % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()

    result = intercepted_range_test(train, SETTINGS)
    assert result.losses == pytest.approx([sum(pieces[:4]), sum(pieces[4:])])


def test_accumulated_losses_in_double_precision_may_be_huge(model, optimizer, loader):
    def train():
        for number, batch in enumerate(loader):
            (loss_of(model, batch).double() + 1e45).backward()
            if number % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()

    assert intercepted_range_test(train, SETTINGS).losses.tolist() == [4e45, 4e45]


def test_losses_whose_gradients_were_zeroed_do_not_count(model, optimizer, loader):
    kept = []

    def train():
        for number, batch in enumerate(loader):
            optimizer.zero_grad()
            loss = loss_of(model, batch)
            loss.backward()
            if number % 2:
                optimizer.step()
                kept.append(loss.item())

    assert intercepted_range_test(train, SETTINGS).losses.tolist() == kept


def test_a_scaled_loss_is_told_unscaled_and_an_overflow_makes_no_step(model, optimizer, loader):
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)
    kept = []

    def train():
        for number, batch in enumerate(loader):
            optimizer.zero_grad()
            loss = loss_of(model, batch)
            scaler.scale(loss).backward()
            if number == 2:
                model[0].weight.grad.fill_(float("inf"))
            else:
                kept.append(loss.item())
            scaler.step(optimizer)
            scaler.update()

    assert intercepted_range_test(train, SETTINGS).losses.tolist() == kept


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.LBFGS])
def test_a_loss_inside_a_closure(model, loader, kind):
    optimizer = kind(model.parameters(), lr=0.1)
    losses = []

    def train():
        for batch in loader:

            def closure(batch=batch):
                optimizer.zero_grad()
                loss = loss_of(model, batch)
                loss.backward()
                losses.append(loss.item())
                return loss

            optimizer.step(closure)

    result = intercepted_range_test(train, SETTINGS)
    assert len(result.losses) == 8
    if kind is torch.optim.SGD:
        assert result.losses.tolist() == losses


def test_backward_by_the_function_and_by_several_tensors(model, optimizer, loader):
    def train():
        for batch in loader:
            optimizer.zero_grad()
            out = model(batch[0])
            torch.autograd.backward([out.pow(2).mean(), out.mean()], retain_graph=True)
            optimizer.step()

    assert len(intercepted_range_test(train, SETTINGS).losses) == 8


def test_an_optimizer_made_inside_a_function(model, loader):
    def train():
        loop(model, torch.optim.Adam(model.parameters()), loader)

    assert len(intercepted_range_test(train, SETTINGS).losses) == 12


def test_a_loop_that_sets_its_own_rates(model, optimizer, loader):
    used = []

    def train():
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5.0, total_steps=200)
        optimizer.register_step_post_hook(lambda opt, *_: used.append(opt.param_groups[0]["lr"]))
        for _ in range(5):
            for batch in loader:
                loop(model, optimizer, [batch], epochs=1)
                scheduler.step()

    result = intercepted_range_test(train, SETTINGS, restoring=restored(modules=[model], optimizers=[optimizer]))
    assert used == result.lrs.tolist()
    assert "initial_lr" not in optimizer.param_groups[0]


@pytest.fixture
def pair():
    return nn.Linear(4, 4), nn.Linear(4, 1)


def adversarial(pair, optimizers, loader, told):
    """Two models in turn: what a GAN's loop looks like."""
    (first, second), (first_optimizer, second_optimizer) = pair, optimizers

    def train():
        for x, _ in loader:
            second_optimizer.zero_grad()
            real, fake = second(x).pow(2).mean(), second(first(x).detach()).mean()
            real.backward()
            fake.backward()
            second_optimizer.step()
            first_optimizer.zero_grad()
            own = second(first(x)).mean().abs()
            own.backward()
            told.append((own.item(), (real + fake).item()))
            first_optimizer.step()

    return train


@pytest.mark.parametrize("asked", [0, 1])
def test_several_optimizers_are_kept_apart(pair, loader, asked):
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.01) for each in pair]
    told = []
    result = intercepted_range_test(adversarial(pair, optimizers, loader, told), SETTINGS, optimizer=optimizers[asked])
    assert result.losses == pytest.approx([each[asked] for each in told])
    assert optimizers[asked].param_groups[0]["lr"] == result.lrs[-1]
    assert optimizers[1 - asked].param_groups[0]["lr"] == 0.01


class Wrapper(torch.optim.Optimizer):
    """Steps an optimizer inside its own step, in its param groups."""

    def __init__(self, inner):
        super().__init__(inner.param_groups, {})
        self.inner = inner
        self.param_groups = inner.param_groups

    def zero_grad(self, set_to_none=True):
        self.inner.zero_grad(set_to_none)

    def step(self, closure=None):
        if closure is not None:
            self.zero_grad()
            closure()
        self.inner.step()


def test_an_optimizer_that_leaves_its_steps_to_one_inside_it_may_be_asked_for(pair, loader):
    model = pair[0]
    inner = torch.optim.SGD(model.parameters(), lr=0.01)

    def train():
        for x, _ in loader:
            model(x).pow(2).mean().backward()
            inner.step()
            inner.zero_grad()

    result = intercepted_range_test(train, SETTINGS, optimizer=Wrapper(inner))
    assert len(result.losses) > 0
    assert inner.param_groups[0]["lr"] == result.lrs[-1]


@pytest.mark.parametrize("kind", ["plain", "second backward"])
def test_an_optimizer_inside_another_steps_with_it(model, optimizer, loader, kind):
    wrapper, losses, lrs = Wrapper(optimizer), [], []
    optimizer.register_step_pre_hook(lambda inner, *_: lrs.append(inner.param_groups[0]["lr"]))

    def train():
        for batch in itertools.chain.from_iterable(loader for _ in range(5)):

            def backward(batch=batch):
                losses.append(loss_of(model, batch))
                losses[-1].backward()

            wrapper.zero_grad()
            backward()
            wrapper.step(backward if kind == "second backward" else None)

    result = intercepted_range_test(train, SETTINGS)
    assert len(result.losses) == SETTINGS.num_steps
    assert lrs == pytest.approx(result.lrs.tolist())
    stepped = losses[1::2] if kind == "second backward" else losses
    assert [loss.item() for loss in stepped[: len(result.losses)]] == pytest.approx(result.losses.tolist())


def test_several_optimizers_may_be_told_by_number(pair, loader):
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.01) for each in pair]
    told = []
    result = intercepted_range_test(adversarial(pair, optimizers, loader, told), SETTINGS, optimizer=1)
    assert result.losses == pytest.approx([each[1] for each in told])


def test_several_optimizers_are_asked_about(pair, loader):
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.01) for each in pair]
    names = {id(optimizers[0]): "`opt_g`", id(optimizers[1]): "`opt_d`"}
    with pytest.raises(DiscoveryError, match=r"`opt_d`, then `opt_g`.*--optimizer opt_d"):
        intercepted_range_test(
            adversarial(pair, optimizers, loader, []), SETTINGS, name_of=lambda each: names[id(each)]
        )


def test_optimizers_without_a_name_are_asked_about_by_number(pair, loader):
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.01) for each in pair]
    with pytest.raises(DiscoveryError, match="→ add the number of one: `--optimizer 1`"):
        intercepted_range_test(adversarial(pair, optimizers, loader, []), SETTINGS, name_of=lambda _: "an SGD")


def test_two_optimizers_on_one_loss(pair, loader):
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.01) for each in pair]
    losses = []

    def train():
        for x, y in loader:
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss = nn.functional.mse_loss(pair[1](pair[0](x)), y)
            loss.backward()
            losses.append(loss.item())
            for optimizer in optimizers:
                optimizer.step()

    for asked in optimizers:
        losses.clear()
        assert intercepted_range_test(train, SETTINGS, optimizer=asked).losses.tolist() == losses


class WithoutRate(torch.optim.Optimizer):
    """Finds the size of its steps by itself."""

    def __init__(self, parameters):
        super().__init__(parameters, {"largest": 0.1})

    def step(self, closure=None):
        pass


@pytest.mark.parametrize("run", [intercepted_range_test, partial(intercepted_one_cycle, total_steps=40, max_lr=0.1)])
def test_an_optimizer_without_a_rate_is_refused(model, loader, run):
    train = partial(loop, model, WithoutRate(model.parameters()), loader)
    with pytest.raises(SettingError, match="WithoutRate keeps no learning rate"):
        run(train)
    with pytest.raises(SettingError, match="WithoutRate keeps no learning rate"):
        TrainingSetup.supervised(model, WithoutRate(model.parameters()), loader, nn.MSELoss())


def test_a_cell_without_a_step_is_refused():
    with pytest.raises(DiscoveryError, match="No torch optimizer stepped"):
        intercepted_range_test(lambda: None, SETTINGS)


def test_an_optimizer_that_never_steps_is_refused(model, optimizer, loader):
    other = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(DiscoveryError, match="never stepped"):
        intercepted_range_test(lambda: loop(model, optimizer, loader, epochs=1), SETTINGS, optimizer=other)


def test_run_ended_is_no_exception():
    assert not issubclass(RunEnded, Exception)


def test_one_cycle_is_torchs_one_cycle(model, loader):
    twin, random = copy.deepcopy(model), torch.get_rng_state()
    optimizer, other = (torch.optim.SGD(each.parameters(), lr=0.5, momentum=0.9) for each in (model, twin))
    history = intercepted_one_cycle(lambda: loop(model, optimizer, loader, epochs=3), total_steps=24, max_lr=0.2)
    torch.set_rng_state(random)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(other, max_lr=0.2, total_steps=25)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(other, max_lr=0.2, total_steps=24)
    losses = []
    for _ in range(3):
        for batch in loader:
            loop(twin, other, [batch], epochs=1, losses=losses)
            if len(losses) < 24:
                scheduler.step()
    assert [step.loss for step in history.steps] == pytest.approx(losses, rel=1e-5)
    assert history.stop_reason is StopReason.COMPLETED
    assert all(
        torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(model.parameters(), twin.parameters(), strict=True)
    )


def test_one_cycle_puts_rates_momenta_and_keys_back(model, loader):
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.8, 0.99))
    before = [dict(group) for group in optimizer.param_groups]

    def train():
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=100)
        loop(model, optimizer, loader, epochs=2)
        scheduler.step()

    history = intercepted_one_cycle(train, total_steps=16, max_lr=0.01, known=[optimizer])
    assert [dict(group) for group in optimizer.param_groups] == before
    assert max(step.lr for step in history.steps) == pytest.approx(0.01, rel=0.05)
    assert min(step.momentum for step in history.steps) == pytest.approx(0.85, abs=0.01)


def test_what_follows_the_loop_is_run_and_steps_beyond_the_cycle_are_said(model, optimizer, loader):
    done = []

    def train():
        loop(model, optimizer, loader, epochs=2)
        done.append(True)

    history = intercepted_one_cycle(train, total_steps=10, max_lr=0.1)
    assert (len(history.steps), history.stop_detail) == (10, "6 more steps were made at the final rate")
    assert done == [True]


def test_a_loop_shorter_than_the_cycle_is_said(model, optimizer, loader):
    history = intercepted_one_cycle(lambda: loop(model, optimizer, loader, epochs=1), total_steps=10, max_lr=0.1)
    assert history.stop_reason is StopReason.OUT_OF_BATCHES
    assert "8 of the 10 steps" in history.stop_detail


def test_stop_ends_a_training(model, optimizer, loader):
    control = RunControl()
    history = intercepted_one_cycle(
        lambda: loop(model, optimizer, loader),
        total_steps=40,
        max_lr=0.1,
        on_step=lambda record: control.stop() if record.step == 4 else None,
        control=control,
    )
    assert (len(history.steps), history.stop_reason) == (5, StopReason.STOPPED)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_an_interrupted_training_keeps_its_history(model, optimizer, loader):
    def train():
        loop(model, optimizer, loader, epochs=1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        intercepted_one_cycle(train, total_steps=40, max_lr=0.1)
    history = caught.value.lr_magic_result
    assert (len(history.steps), history.stop_reason) == (8, StopReason.INTERRUPTED)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_one_peak_per_group(model, loader):
    groups = [{"params": model[0].parameters()}, {"params": model[3].parameters()}]
    optimizer, used = torch.optim.SGD(groups, lr=0.1), []
    optimizer.register_step_pre_hook(lambda opt, *_: used.append([group["lr"] for group in opt.param_groups]))
    intercepted_one_cycle(lambda: loop(model, optimizer, loader, epochs=1), total_steps=8, max_lr=[0.01, 0.1])
    assert all(high == pytest.approx(10 * low) for low, high in used)


def test_an_optimizer_of_a_former_model_is_told_at_its_first_step(model, loader):
    former = torch.optim.SGD(copy.deepcopy(model).parameters(), lr=0.1)
    with pytest.raises(DiscoveryError, match="none of its parameters has a gradient"):
        intercepted_range_test(lambda: loop(model, former, loader), SETTINGS)
    with pytest.raises(DiscoveryError, match="none of its parameters has a gradient"):
        intercepted_one_cycle(lambda: loop(model, former, loader), total_steps=12, max_lr=0.1)


def test_an_optimizer_that_drops_its_gradients_in_its_step_is_no_former_one(model, loader):
    class Dropping(torch.optim.SGD):
        def step(self, closure=None):
            super().step(closure)
            self.zero_grad()

    result = intercepted_range_test(lambda: loop(model, Dropping(model.parameters(), lr=0.1), loader), SETTINGS)
    assert len(result.lrs) == SETTINGS.num_steps
