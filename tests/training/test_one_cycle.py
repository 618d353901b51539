from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.data import DataLoader

from lr_magic.pure.control import RunControl
from lr_magic.pure.errors import BatchError, SettingError
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.cycle.one_cycle import fit_one_cycle

from . import endings, kinds
from .fingerprint import fingerprint
from .small_setups import accuracy, small_data, small_model, small_setup


def test_one_cycle_follows_torchs_schedule_and_leaves_the_groups_as_found():
    setup = small_setup()
    before = fingerprint(setup)["groups"]
    history = fit_one_cycle(setup, epochs=3, max_lr=1e-2)
    reference = torch.optim.AdamW(setup.model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(reference, 1e-2, total_steps=18)
    for record in history.steps:
        assert record.lr == reference.param_groups[0]["lr"]
        assert record.momentum == reference.param_groups[0]["betas"][0]
        reference.step()
        if record.step < 17:
            schedule.step()
    assert fingerprint(setup)["groups"] == before
    assert (len(history.steps), len(history.epochs), history.stop_reason) == (18, 3, StopReason.COMPLETED)


def hand_written(setup, max_lr, num_epochs):
    """The training that someone would write by hand with torch's schedule."""
    total = num_epochs * len(setup.train_loader)
    schedule = torch.optim.lr_scheduler.OneCycleLR(setup.optimizer, max_lr, total_steps=total)
    setup.model.train()
    for _ in range(num_epochs):
        for batch in setup.train_loader:
            setup.optimizer.zero_grad()
            setup.compute_loss(batch).loss.backward()
            setup.optimizer.step()
            total -= 1
            if total:
                schedule.step()


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9)])
def test_the_weights_are_those_of_the_loop_written_by_hand(optimizer):
    states = []
    for train in (lambda s: fit_one_cycle(s, epochs=2, max_lr=1e-2), lambda s: hand_written(s, 1e-2, 2)):
        torch.manual_seed(3)
        setup = small_setup(optimizer=optimizer)
        train(setup)
        states.append(fingerprint(setup)["state"])
    assert states[0] == states[1]


def test_each_epoch_is_validated_without_changing_train_or_eval():
    setup = small_setup(valid_loader=DataLoader(small_data(), 20), metrics={"accuracy": accuracy})
    setup.model[1].eval()
    history = fit_one_cycle(setup, epochs=2, max_lr=1e-2)
    assert [m.training for m in setup.model] == [True, False, True, True, True]
    assert history.epochs[1].valid_loss < history.epochs[0].valid_loss
    assert 0 <= history.epochs[1].metrics["accuracy"] <= 1


def test_the_training_loss_of_an_epoch_is_the_mean_over_its_samples():
    history = fit_one_cycle(small_setup(loader=DataLoader(small_data(40), 16)), epochs=1, max_lr=1e-2)
    losses = [record.loss for record in history.steps]
    assert history.epochs[0].train_loss == pytest.approx((16 * losses[0] + 16 * losses[1] + 8 * losses[2]) / 40)


def test_each_group_has_its_own_peak():
    model = small_model()
    groups = [{"params": model[0].parameters()}, {"params": model[4].parameters()}]
    setup = small_setup(model=model, optimizer=lambda _, lr: torch.optim.SGD(groups, lr=lr, momentum=0.9))
    seen = []
    setup.optimizer.register_step_pre_hook(lambda o, *_: seen.append([group["lr"] for group in o.param_groups]))
    fit_one_cycle(setup, steps=10, max_lr=[1e-3, 1e-1])
    assert max(seen) == [pytest.approx(1e-3), pytest.approx(1e-1)]
    assert all(high == pytest.approx(100 * low) for low, high in seen)


def test_a_momentum_that_is_switched_off_stays_off():
    setup = small_setup(optimizer=torch.optim.SGD)
    seen = []
    setup.optimizer.register_step_pre_hook(lambda o, *_: seen.append(o.param_groups[0]["momentum"]))
    history = fit_one_cycle(setup, steps=4, max_lr=1e-2)
    assert seen == [0] * 4
    assert {record.momentum for record in history.steps} == {None}


@pytest.mark.parametrize("optimizer", [torch.optim.Adagrad, torch.optim.Adadelta, torch.optim.Adafactor])
def test_an_optimizer_without_momentum_is_trained(optimizer):
    assert len(fit_one_cycle(small_setup(optimizer=optimizer), steps=3, max_lr=1e-2).steps) == 3


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 6, 7, 20])
def test_a_training_ends_at_its_last_step_exactly(steps):
    for setup in (small_setup(), kinds.stream(), kinds.list_of_batches()):
        history = fit_one_cycle(setup, steps=steps, max_lr=1e-2)
        assert (len(history.steps), history.stop_reason) == (steps, StopReason.COMPLETED)
        assert history.planned_steps == steps


def test_a_stream_has_an_epoch_per_pass():
    history = fit_one_cycle(kinds.stream(), steps=7, max_lr=1e-2)  # three batches a pass
    assert [epoch.epoch for epoch in history.epochs] == [1, 2, 3]


def test_accumulated_batches_step_once_and_the_rest_of_a_pass_steps_too():
    setup = small_setup(loader=DataLoader(small_data(80), 16), accumulate=2)  # five batches
    history = fit_one_cycle(setup, epochs=2, max_lr=1e-2)
    assert (len(history.steps), len(history.epochs)) == (6, 2)


def test_stop_ends_after_the_step_under_way_with_a_closed_epoch():
    control = RunControl()
    history = fit_one_cycle(
        small_setup(valid_loader=[small_data(8).tensors]),
        epochs=5,
        max_lr=1e-2,
        control=control,
        on_step=lambda record: record.step == 7 and control.stop(),
    )
    assert (len(history.steps), history.stop_reason) == (8, StopReason.STOPPED)
    assert [epoch.valid_loss is not None for epoch in history.epochs] == [True, True]


def test_a_loader_that_cannot_be_restarted_ends_the_training():
    setup = small_setup(loader=iter(list(DataLoader(small_data(), 16))))
    history = fit_one_cycle(setup, steps=100, max_lr=1e-2)
    assert (len(history.steps), history.stop_reason) == (6, StopReason.OUT_OF_BATCHES)
    assert len(history.epochs) == 1


def test_a_dead_model_ends_the_training_and_a_single_bad_batch_does_not():
    dead = endings.with_losses(small_setup(), lambda loss: loss * float("nan"))
    assert fit_one_cycle(dead, epochs=9, max_lr=1e-2).stop_reason is StopReason.NON_FINITE
    calls = []

    def once(loss):
        calls.append(1)
        return loss + (float("inf") if len(calls) == 1 else 0.0)

    setup = endings.with_losses(small_setup(), once)
    assert fit_one_cycle(setup, epochs=9, max_lr=1e-2).stop_reason is StopReason.COMPLETED


@pytest.mark.parametrize("place", endings.PLACES, ids=lambda place: place.__name__)
@pytest.mark.parametrize(
    "kind", [kinds.plain, kinds.rate_in_tensor, kinds.rmsprop_adagrad_groups, kinds.frozen_batch_norm]
)
def test_after_an_error_groups_and_flags_are_as_found_and_the_history_is_kept(kind, place):
    setup = place(kind(), endings.fail_with(endings.OwnError("words")))
    before = fingerprint(setup)
    with pytest.raises(endings.OwnError) as caught:
        fit_one_cycle(setup, steps=20, max_lr=1e-2)
    after = fingerprint(setup)
    for part in ("groups", "modules", "requires_grad"):
        assert after[part] == before[part]
    history = caught.value.lr_magic_result
    assert len(history.steps) == endings.AT_STEP
    assert (history.stop_reason, history.stop_detail) == (StopReason.FAILED, "OwnError: words")


def test_an_own_step_trains_too():
    assert len(fit_one_cycle(kinds.own_step(), epochs=1, max_lr=1e-2).steps) == 6


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_lr": 1e-2}, "either epochs or steps"),
        ({"max_lr": 1e-2, "epochs": 1, "steps": 1}, "either epochs or steps"),
        ({"max_lr": 1e-2, "epochs": 0}, "epochs must be at least 1"),
        ({"max_lr": 0.0, "epochs": 1}, "max_lr"),
        ({"max_lr": [1e-2] * 5, "epochs": 1}, "one per group"),
        ({"max_lr": 1e-2, "epochs": 1, "pct_start": 2.0}, "pct_start"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_touched(settings, words):
    setup = small_setup()
    before = fingerprint(setup)
    with pytest.raises(SettingError, match=words):
        fit_one_cycle(setup, **settings)
    assert fingerprint(setup) == before


def test_epochs_of_a_loader_without_a_length_are_refused_with_the_way_out():
    with pytest.raises(SettingError, match="give steps"):
        fit_one_cycle(kinds.stream(), epochs=1, max_lr=1e-2)


def test_empty_loaders_are_errors():
    with pytest.raises((BatchError, SettingError)):
        fit_one_cycle(small_setup(loader=[]), epochs=1, max_lr=1e-2)
    with pytest.raises(BatchError):
        fit_one_cycle(small_setup(loader=[]), steps=3, max_lr=1e-2)
    with pytest.raises(BatchError):
        fit_one_cycle(replace(small_setup(), valid_loader=[]), epochs=1, max_lr=1e-2)


def test_a_model_in_eval_mode_is_trained_in_train_mode():
    modes = []
    setup = kinds.whole_model_in_eval()
    setup.model.register_forward_hook(lambda module, *_: modes.append(module.training))
    fit_one_cycle(setup, steps=2, max_lr=1e-2)
    assert modes == [True, True]
    assert not setup.model.training
